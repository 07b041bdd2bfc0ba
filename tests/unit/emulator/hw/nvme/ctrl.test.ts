import { expect, test } from 'vitest';
import { nvme_vmstate } from '../../../../../src/lib/emulator/hw/nvme/ctrl.ts';
import { QemuFileReader, ShortRead } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { load } from '../../../../../src/lib/vmstate/vmstate.ts';
import { block, MSIX_OF_TWO, pciDevice, TWO_VECTORS } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

const BAR = block(4096, {
  0: '004008200f0107ff 00010400',
  20: '00460001',
  28: '00000001',
  36: '001f001f 0000000001fd6000'
});
const REQUEST = '0000' + zeros(16) + '0c 00 0007 00000000' + zeros(16 + 16 + 16 + 24);
const NAMESPACE =
  '01' + block(4096, { 0: '0000000000004000', 128: '0000 09 00' }) + zeros(8192) + '0000 09 00' + zeros(41);
const SQ = '31 0000 0000 00000003 00000003 00000040 0000000001fd6000';
const CQ = (waiting: string): string =>
  `31 00 0000 0001 00000003 00000003 00000000 00000100 0000000001fd7000 ${waiting}`;

const body = (pairs: string, aers: string, events: string, queues: string): Uint8Array =>
  hex(
    pciDevice({ 0: '361b 1000', ...TWO_VECTORS }, 0x1000),
    MSIX_OF_TWO,
    BAR,
    `01 00001000 000c 0200 00000000 ${aers.slice(0, 2)} 00000000 00000000`,
    '0000000000000000 0000000000000069 0000000000000000 0143 00',
    `00000041 ${pairs} 0000000000000000 0000000000000000 00 00`,
    aers.slice(2),
    events,
    '00000000',
    NAMESPACE,
    queues,
    '0157 0000 00000000',
    zeros(512),
    '00000000' + zeros(21)
  );

test('registers, the namespace and the admin queues', () => {
  const nvme = roundTrip(nvme_vmstate, body('00000001', '00', '00', `${SQ} 30 ${CQ('00')} 30`));
  expect(bitsOf(nvme.row('bar.cc'))).toEqual({ EN: 1, IOSQES: 6, IOCQES: 4 });
  expect(nvme.row('bar.asq')).toMatchObject({ value: 0x1fd6000n, about: { pointer: 'gpa' } });
  expect(nvme.row('namespace.id_ns.lbaf[0].ds')?.about?.values?.[9]).toBe('512 bytes');
  expect(nvme.row('namespace.tmp.enable_write_cache')?.value).toBe(true);
  expect(nvme.row('sq[1].size')?.value).toBe(64);
  expect(nvme.state.cq.map(({ element }) => element?.size)).toEqual([256, undefined]);
});

test('requests for events, events, and completions that wait', () => {
  const event = '01 02 00 01 00 00';
  const nvme = roundTrip(nvme_vmstate, body('00000000', `0131${REQUEST}`, event, SQ + CQ(`01 ${REQUEST} 00`)));
  expect(nvme.row('aer_reqs[1].cmd.opcode')?.about?.values?.[0x0c]).toBe('ASYNC_EV_REQ');
  expect(nvme.row('aer_queue[0].result.event_type')?.about?.values?.[2]).toBe('notice');
  expect(nvme.state.cq[0]?.element?.req_list[0]?.cmd.cid).toBe(7);
});

test('billions of queues end where the bytes end', () => {
  const file = new QemuFileReader(body('ffffffff', '00', '00', SQ));
  expect(load(file, nvme_vmstate, 1).failure).toBeInstanceOf(ShortRead);
});
