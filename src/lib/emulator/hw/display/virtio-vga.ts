/** The VGA half of virtio-vga; its virtio half is a section of its own. Source: QEMU hw/display/virtio-vga.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { vmstate_vga_common, type VGACommonState } from './vga.ts';

export interface VirtIOVGABase {
  vga: VGACommonState;
}
const d = fieldsOf<VirtIOVGABase>();
export const vmstate_virtio_vga_base: VMStateDescription<VirtIOVGABase> = {
  name: 'virtio-vga',
  version: 2,
  minimumVersion: 2,
  fields: [d('vga', struct(vmstate_vga_common))]
};
