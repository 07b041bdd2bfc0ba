/** The memory balloon. Source: QEMU hw/virtio/virtio-balloon.c; virtio 1.2 section 5.5. */
import { fieldsOf, struct } from '../../../vmstate/vmstate.ts';
import { u32 } from '../../../vmstate/vmstate-types.ts';
import { reg32 } from '../core/register.ts';
import { virtioSection } from './virtio-bus.ts';
import type { VirtIODevice } from './virtio.ts';

/** vmstate_virtio_balloon_device. */
export interface BalloonState {
  num_pages: number;
  actual: number;
  free_page_hint_cmd_id: number;
  free_page_hint_status: number;
  poison_val: number;
}
export interface VirtIOBalloon extends VirtIODevice {
  balloon: BalloonState;
}

const NUM_PAGES = { doc: 'Pages of 4 KiB that the host wants', unit: 'pages' } as const;
const ACTUAL = { doc: 'Pages of 4 KiB that the guest has given', unit: 'pages' } as const;

const b = fieldsOf<BalloonState>();
const balloon = struct<BalloonState>({
  name: 'virtio-balloon-device',
  version: 1,
  minimumVersion: 1,
  fields: [b('num_pages', u32, NUM_PAGES), b('actual', u32, ACTUAL)],
  subsections: [
    {
      name: 'virtio-balloon-device/free-page-report',
      version: 1,
      minimumVersion: 1,
      doc: 'Hints of free pages, which a migration need not send',
      fields: [
        b('free_page_hint_cmd_id', u32),
        b('free_page_hint_status', u32, { values: { 0: 'stop', 1: 'requested', 2: 'start', 3: 'done' } })
      ]
    },
    {
      name: 'virtio-balloon-device/page-poison',
      version: 1,
      minimumVersion: 1,
      fields: [b('poison_val', u32, { doc: 'What the guest fills free pages with', radix: 16 })]
    }
  ]
});

const d = fieldsOf<VirtIOBalloon>();
export const vmstate_virtio_balloon = virtioSection<VirtIOBalloon>({
  name: 'virtio-balloon',
  version: 1,
  features: [
    { name: 'MUST_TELL_HOST', bit: 0 },
    { name: 'STATS_VQ', bit: 1 },
    { name: 'DEFLATE_ON_OOM', bit: 2 },
    { name: 'FREE_PAGE_HINT', bit: 3 },
    { name: 'PAGE_POISON', bit: 4 },
    { name: 'REPORTING', bit: 5 }
  ],
  config: [
    reg32(0, 'num_pages', NUM_PAGES),
    reg32(4, 'actual', ACTUAL),
    reg32(8, 'free_page_hint_cmd_id'),
    reg32(12, 'poison_val', { radix: 16 })
  ],
  fields: [d('balloon', balloon, { name: 'virtio-balloon-device' })]
});
