import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readRecording, recordTo, replayOptions } from '../../../src/bridge/replay-file.ts';
import { goldens } from '../../support/golden.ts';
import { resumed } from '../../support/resumed.ts';
import { stateHash } from '../../support/state-hash.ts';

const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);
const icount = (text: string) => new Map(text.split(',').map((pair) => pair.split('=') as [string, string]));

test('-icount is read as QEMU reads it', () => {
  expect(replayOptions(undefined)).toEqual({ shift: undefined, rr: undefined, file: undefined });
  expect(replayOptions(icount('shift=3'))).toEqual({ shift: 3, rr: undefined, file: undefined });
  expect(replayOptions(icount('shift=auto,rr=record,rrfile=a.bin'))).toEqual({
    ...{ shift: undefined, rr: 'record', file: 'a.bin' }
  });
  for (const wrong of ['shift=11', 'shift=auto', 'rr=play', 'rr=replay', 'rrfile=a', 'rrsnapshot=s'])
    expect(() => replayOptions(icount(wrong)), wrong).toThrow();
});

test('a recording comes back', () => {
  const file = recordTo(path('a'), 'pc-i440fx-7.2', replayOptions(icount('shift=3,rr=record')), 5n);
  file.append(Uint8Array.of(3, 2 | (1 << 3)));
  file.truncate(1);
  file.append(Uint8Array.of(4 | (2 << 3)));
  file.close();
  expect(readFileSync(path('a'), 'latin1')).toBe(
    '{"migrascope":"replay","version":1,"machine":"pc-i440fx-7.2","hostTime":"5","shift":3}\n\x03\x14'
  );
  const { log, ...rest } = readRecording(path('a'));
  expect(rest).toEqual({ machine: 'pc-i440fx-7.2', shift: 3, hostTime: 5n });
  expect(log.read(log.start)?.event).toEqual({ icount: 0, kind: 'start' });
  expect(log.end).toEqual({ offset: 2, icount: 2 });
});

test('what is none is refused with the reason', () => {
  const refused = (content: string): (() => void) => {
    writeFileSync(path('bad'), content, 'latin1');
    return (): void => void readRecording(path('bad'));
  };
  const head = '{"migrascope":"replay","version":1,"machine":"pc","hostTime":"1"}\n';
  expect(refused('QEVM')).toThrow('line of JSON');
  expect(refused('[]\n')).toThrow('something else');
  expect(refused('{"migrascope":"replay","version":1}\n')).toThrow('missing');
  expect(refused(head.replace('}', ',"shift":99}'))).toThrow('shift 99');
  expect(refused(`${head}\x07`)).toThrow('no event of the kind');
  expect(() => readRecording(path('nothing'))).toThrow('Could not open');
  expect(() => recordTo(path('no/such'), 'pc', replayOptions(undefined), 0n)).toThrow('Could not open');
});

const golden = goldens().findLast(({ name }) => /\/linux-seed$/.test(name));
if (!golden) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

describe.skipIf(!golden)('a guest that was recorded in one process', () => {
  test('comes to the same state in another, and prints the same', { timeout: 120_000 }, async () => {
    const hostTime = 1_700_000_000_000_000_000n;
    const first = await resumed(golden!, { hostTime, timeTravel: {} });
    const { machine } = first;
    const file = recordTo(path('rr'), machine.machine, replayOptions(undefined), hostTime);
    machine.timeTravel.sink = file;
    machine.start();
    const said = await first.shell('ls -la / | md5sum', /\n# (\u001b\[6n)?$/);
    await machine.stop();
    file.close();
    const hash = stateHash(machine);
    machine.destroy();

    const { log, ...recorded } = readRecording(path('rr'));
    const again = await resumed(golden!, { hostTime: recorded.hostTime, timeTravel: {} });
    again.machine.timeTravel.startReplay(log);
    again.machine.start();
    expect(await again.says(/-\n# /)).toContain(said.trim());
    while (again.machine.runstate.running) await new Promise((done) => setTimeout(done, 10));
    expect(again.machine.runstate.stopped).toEqual({ kind: 'replay-end' });
    expect(stateHash(again.machine)).toBe(hash);
    // And back, as of any run.
    await again.machine.timeTravel.stepBack(1000);
    await again.machine.timeTravel.playOn();
    expect(stateHash(again.machine)).toBe(hash);
    again.machine.destroy();
  });
});
