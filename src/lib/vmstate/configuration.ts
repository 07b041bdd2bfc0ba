/**
 * The configuration section. Source: QEMU migration/savevm.c (vmstate_configuration and its subsections).
 *
 *   configuration ::= len:u32 name:len*u8 subsection*
 */
import { BadField } from './qemu-file.ts';
import { fieldsOf, type Codec, type VMStateDescription } from './vmstate.ts';
import { buffer, u32 } from './vmstate-types.ts';

export interface ConfigurationState {
  len: number;
  name: string;
  target_page_bits?: number;
  capabilities?: string[];
  uuid?: Uint8Array;
}

const config = fieldsOf<ConfigurationState>();

const text = (n: number): Codec<string> => ({
  type: 'buffer',
  read: (file) => file.text(n).replace(/\0[\s\S]*$/, ''),
  write: (file, value) => file.text(value)
});

/** be32 count, then names (QEMU: get_capability, put_capability). */
const capabilities: Codec<string[]> = {
  type: 'capabilities',
  read(file, _into, place) {
    const count = place.read(file, 'caps_count', u32);
    // There are some 30 capabilities; a name takes a byte at least.
    if (count > 1000) throw new BadField(file.offset - 4, `${count} capabilities`);
    const name: Codec<string> = {
      type: 'capability',
      read: (f) => f.countedString(),
      write: (f, value) => f.countedString(value)
    };
    return Array.from({ length: count }, (_, i) => place.read(file, `[${i}]`, name));
  },
  write(file, value) {
    file.be32(value.length);
    for (const name of value) file.countedString(name);
  }
};

export const vmstate_configuration: VMStateDescription<ConfigurationState> = {
  name: 'configuration',
  version: 1,
  minimumVersion: 1,
  fields: [
    config('len', u32, { doc: 'Length of the machine type’s name' }),
    config('name', (s) => text(s.len), { doc: 'Machine type of the source: the destination must have the same' })
  ],
  subsections: [
    {
      name: 'configuration/target-page-bits',
      version: 1,
      minimumVersion: 1,
      fields: [config('target_page_bits', u32, { doc: 'log2 of the page size' })]
    },
    {
      name: 'configuration/capabilities',
      version: 1,
      minimumVersion: 1,
      fields: [config('capabilities', capabilities, { doc: 'Capabilities that both sides must agree on' })]
    },
    {
      name: 'configuration/uuid',
      version: 1,
      minimumVersion: 1,
      fields: [config('uuid', buffer(16), { doc: 'UUID of the source (validate-uuid)' })]
    }
  ]
};
