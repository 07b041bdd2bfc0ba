import { expect, test } from 'vitest';
import { testHost } from '../../../../support/device-host.ts';
import { PCSpk, vmstate_spk } from '../../../../../src/lib/emulator/hw/audio/pcspk.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';

test('a speaker that is on', () => {
  expect(roundTrip(vmstate_spk, hex('01 10')).state).toEqual({ data_on: 1, dummy_refresh_clock: 0x10 });
});

test('port 61 gates the tone, shows its output, and its refresh bit changes with every read', () => {
  const { host, out, in: read } = testHost();
  const gates: string[] = [];
  new PCSpk(host, { channelInfo: () => ({ gate: 1, out: 1 }), setGate: (c, gate) => gates.push(`${c}:${gate}`) });
  out(0x61, 0x03);
  expect(gates).toEqual(['2:1']);
  expect([read(0x61), read(0x61)]).toEqual([0x33, 0x23]);
});
