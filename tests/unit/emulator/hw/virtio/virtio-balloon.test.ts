import { expect, test } from 'vitest';
import { vmstate_virtio_balloon } from '../../../../../src/lib/emulator/hw/virtio/virtio-balloon.ts';
import { bitsOf, hex, roundTrip, subsection } from '../../../../support/sections.ts';
import { modern, virtio } from '../../../../support/virtio.ts';

const CONFIG = '00400000 00200000 00000000 00000000';
const DEVICE = '00004000 00002000';

test('how far the balloon is blown up', () => {
  const { row } = roundTrip(vmstate_virtio_balloon, hex(virtio({ config: CONFIG, queues: 3, device: DEVICE })));
  expect(row('virtio.config.num_pages')).toMatchObject({ value: 0x4000, about: { unit: 'pages' } });
  expect(row('virtio.virtio-balloon-device.actual')?.value).toBe(0x2000);
});

test('its subsections come before those of the core', () => {
  const device = [
    DEVICE,
    subsection('virtio-balloon-device/free-page-report', 1, '80000000 00000002'),
    subsection('virtio-balloon-device/page-poison', 1, 'aaaaaaaa'),
    modern('0000000100000018')
  ].join('');
  const { row } = roundTrip(
    vmstate_virtio_balloon,
    hex(virtio({ features: '00000018', config: CONFIG, queues: 5, device }))
  );
  expect(bitsOf(row('virtio.guest_features_lo'))).toEqual({ FREE_PAGE_HINT: 1, PAGE_POISON: 1 });
  const hint = 'virtio.virtio-balloon-device.virtio-balloon-device/free-page-report.free_page_hint_status';
  expect(row(hint)?.about?.values?.[2]).toBe('start');
  expect(row('virtio.virtio/started.started')?.value).toBe(true);
});
