/** ATA and ATAPI drives and the bus they hang on. Source: QEMU hw/ide/core.c, include/hw/ide/ide-dev.h; ATA8-ACS. */
import { fieldsOf, struct, type Codec, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, buffer, i32, i64, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { reg, reg16, reg32, reg64, registerBlock } from '../core/register.ts';

/** One drive (QEMU: ide_drive is its description's name). */
export interface IDEState {
  mult_sectors: number;
  identify_set: number;
  identify_data: Uint8Array;
  feature: number;
  error: number;
  nsector: number;
  sector: number;
  lcyl: number;
  hcyl: number;
  hob_feature: number;
  hob_sector: number;
  hob_nsector: number;
  hob_lcyl: number;
  hob_hcyl: number;
  select: number;
  status: number;
  lba48: number;
  sense_key: number;
  asc: number;
  cdrom_changed: number;
  events: { new_media: boolean; eject_request: boolean };
  tray_open: boolean;
  tray_locked: boolean;
  req_nb_sectors: number;
  io_buffer: Uint8Array;
  cur_io_buffer_offset: number;
  cur_io_buffer_len: number;
  end_transfer_fn_idx: number;
  elementary_transfer_size: number;
  packet_transfer_size: number;
  /** Whether a PIO transfer is under way or waits: never sent, so that only a drive that runs has it. */
  readonly hasPioState?: boolean;
}

export interface IDEBus {
  cmd: number;
  unit: number;
  ifs: IDEState[];
  error_status: number;
  retry_sector_num: bigint;
  retry_nsector: number;
  retry_unit: number;
}

const ATA_STATUS: Meaning = {
  bits: [
    { name: 'ERR', bit: 0 },
    { name: 'INDEX', bit: 1 },
    { name: 'CORR', bit: 2 },
    { name: 'DRQ', bit: 3, doc: 'data can be transferred' },
    { name: 'SEEK', bit: 4 },
    { name: 'WRERR', bit: 5 },
    { name: 'READY', bit: 6 },
    { name: 'BUSY', bit: 7 }
  ]
};
const ATA_ERROR: Meaning = {
  bits: [
    { name: 'MARK', bit: 0 },
    { name: 'TRK0', bit: 1 },
    { name: 'ABRT', bit: 2, doc: 'command aborted' },
    { name: 'MCR', bit: 3 },
    { name: 'ID', bit: 4, doc: 'sector not found' },
    { name: 'MC', bit: 5 },
    { name: 'ECC', bit: 6 },
    { name: 'BBD', bit: 7 }
  ]
};

/** Text of an identify block: the bytes of each word are swapped. */
const ataText = (n: number): Codec<string> => ({
  type: 'ata text',
  read(file) {
    const bytes = file.buffer(n).slice();
    for (let i = 0; i + 1 < n; i += 2) [bytes[i], bytes[i + 1]] = [bytes[i + 1]!, bytes[i]!];
    return String.fromCharCode(...bytes).trimEnd();
  },
  write(file, value) {
    const padded = value.padEnd(n);
    for (let i = 0; i < n; i++) file.u8(padded.charCodeAt(i ^ 1));
  }
});
const text = (word: number, n: number, name: string) => reg(n, ataText(n))(2 * word, name);
const word = (n: number, name: string, about?: Meaning) => reg16(2 * n, name, about);

/** What IDENTIFY DEVICE answers, by word. Source: ATA8-ACS 7.16. */
const IDENTIFY = [
  word(0, 'general_configuration', {
    radix: 16,
    bits: [
      { name: 'removable', bit: 7 },
      { name: 'protocol', bit: 14, width: 2, values: { 0: 'ATA', 1: 'ATA', 2: 'ATAPI' } }
    ]
  }),
  word(1, 'cylinders'),
  word(3, 'heads'),
  word(6, 'sectors_per_track'),
  text(10, 20, 'serial_number'),
  text(23, 8, 'firmware_revision'),
  text(27, 40, 'model_number'),
  word(47, 'max_multiple_sectors'),
  word(49, 'capabilities', {
    bits: [
      { name: 'DMA', bit: 8 },
      { name: 'LBA', bit: 9 },
      { name: 'IORDY', bit: 11 }
    ]
  }),
  word(53, 'field_validity'),
  word(54, 'current_cylinders'),
  word(55, 'current_heads'),
  word(56, 'current_sectors_per_track'),
  reg32(2 * 57, 'current_capacity', { unit: 'sectors' }),
  word(59, 'multiple_sectors'),
  reg32(2 * 60, 'lba28_sectors', { unit: 'sectors' }),
  word(62, 'single_word_dma', { radix: 16 }),
  word(63, 'multiword_dma', { radix: 16 }),
  word(64, 'pio_modes', { radix: 16 }),
  word(75, 'queue_depth', { doc: 'less one' }),
  word(76, 'sata_capabilities', { bits: [{ name: 'NCQ', bit: 8 }] }),
  word(80, 'major_version', { radix: 16 }),
  word(81, 'minor_version'),
  word(82, 'command_set_1', {
    bits: [
      { name: 'SMART', bit: 0 },
      { name: 'PACKET', bit: 4 },
      { name: 'write_cache', bit: 5 }
    ]
  }),
  word(83, 'command_set_2', {
    bits: [
      { name: 'LBA48', bit: 10 },
      { name: 'FLUSH', bit: 12 },
      { name: 'FLUSH_EXT', bit: 13 }
    ]
  }),
  word(84, 'command_set_3', { radix: 16 }),
  word(85, 'enabled_1', {
    bits: [
      { name: 'SMART', bit: 0 },
      { name: 'PACKET', bit: 4 },
      { name: 'write_cache', bit: 5 }
    ]
  }),
  word(86, 'enabled_2', {
    bits: [
      { name: 'LBA48', bit: 10 },
      { name: 'FLUSH', bit: 12 },
      { name: 'FLUSH_EXT', bit: 13 }
    ]
  }),
  word(87, 'enabled_3', { radix: 16 }),
  word(88, 'ultra_dma', { radix: 16, doc: 'low byte: modes that it has; high byte: the one in use' }),
  word(93, 'hardware_reset_result', { radix: 16 }),
  reg64(2 * 100, 'lba48_sectors', { unit: 'sectors' }),
  word(106, 'sector_size', { radix: 16 }),
  word(169, 'trim', { bits: [{ name: 'DSM_TRIM', bit: 0 }] }),
  word(217, 'rotation_rate', { values: { 1: 'does not rotate' } })
];

/** IDE_DMA_BUF_SECTORS sectors and four bytes of slack. */
export const IO_BUFFER_TOTAL_LEN = 256 * 512 + 4;

const drive = fieldsOf<IDEState>();
export const vmstate_ide_drive: VMStateDescription<IDEState> = {
  name: 'ide_drive',
  version: 3,
  minimumVersion: 0,
  fields: [
    drive('mult_sectors', i32, { doc: 'Sectors a READ or WRITE MULTIPLE moves at a time' }),
    drive('identify_set', i32, { doc: 'Whether identify data follows: a drive that was asked for it' }),
    drive('identify_data', registerBlock(512, IDENTIFY), { when: (s) => s.identify_set !== 0 }),
    drive('feature', u8, { radix: 16 }),
    drive('error', u8, ATA_ERROR),
    drive('nsector', u32, { doc: 'Sector count register' }),
    drive('sector', u8, { doc: 'LBA 7:0 or sector' }),
    drive('lcyl', u8, { doc: 'LBA 15:8 or cylinder low' }),
    drive('hcyl', u8, { doc: 'LBA 23:16 or cylinder high' }),
    drive('hob_feature', u8, { doc: 'High-order byte, as written first for a 48-bit command' }),
    drive('hob_sector', u8, { doc: 'LBA 31:24' }),
    drive('hob_nsector', u8, { doc: 'Sector count 15:8' }),
    drive('hob_lcyl', u8, { doc: 'LBA 39:32' }),
    drive('hob_hcyl', u8, { doc: 'LBA 47:40' }),
    drive('select', u8, {
      bits: [
        { name: 'head', bit: 0, width: 4, doc: 'or LBA 27:24' },
        { name: 'DEV', bit: 4, values: { 0: 'first drive', 1: 'second drive' } },
        { name: 'LBA', bit: 6 }
      ]
    }),
    drive('status', u8, ATA_STATUS),
    drive('lba48', u8, { doc: 'The command at hand has a 48-bit address' }),
    drive('sense_key', u8, {
      doc: 'ATAPI',
      values: {
        0: 'no sense',
        2: 'not ready',
        4: 'hardware error',
        5: 'illegal request',
        6: 'unit attention',
        0xb: 'aborted'
      }
    }),
    drive('asc', u8, {
      doc: 'ATAPI additional sense code',
      radix: 16,
      values: {
        0x24: 'invalid field in command',
        0x28: 'medium may have changed',
        0x3a: 'no medium',
        0x53: 'removal prevented'
      }
    }),
    drive('cdrom_changed', u8, { since: 3, doc: 'The guest has not been told of the change of medium' })
  ],
  subsections: [
    {
      name: 'ide_drive/pio_state',
      version: 1,
      minimumVersion: 1,
      doc: 'A PIO transfer under way: sent while DRQ is set',
      needed: (s) => s.hasPioState,
      fields: [
        drive('req_nb_sectors', i32, { unit: 'sectors' }),
        drive('io_buffer', buffer(IO_BUFFER_TOTAL_LEN, 'uint8')),
        drive('cur_io_buffer_offset', i32, { unit: 'bytes' }),
        drive('cur_io_buffer_len', i32, { unit: 'bytes' }),
        drive('end_transfer_fn_idx', u8, {
          doc: 'What happens when the buffer is through',
          values: {
            0: 'ide_sector_read',
            1: 'ide_sector_write',
            2: 'ide_transfer_stop',
            3: 'ide_atapi_cmd_reply_end',
            4: 'ide_atapi_cmd',
            5: 'ide_dummy_transfer_stop'
          },
          check: (s) => (s.end_transfer_fn_idx > 5 ? `no transfer end function ${s.end_transfer_fn_idx}` : undefined)
        }),
        drive('elementary_transfer_size', i32, { unit: 'bytes' }),
        drive('packet_transfer_size', i32, { unit: 'bytes' })
      ]
    },
    {
      name: 'ide_drive/tray_state',
      version: 1,
      minimumVersion: 1,
      needed: (s) => (s.hasPioState === undefined ? undefined : s.tray_open || s.tray_locked),
      fields: [drive('tray_open', bool), drive('tray_locked', bool)]
    },
    {
      name: 'ide_drive/atapi/gesn_state',
      version: 1,
      minimumVersion: 1,
      doc: 'Media events that the guest has not fetched',
      needed: (s) => (s.hasPioState === undefined ? undefined : s.events.new_media || s.events.eject_request),
      fields: [drive('events.new_media', bool), drive('events.eject_request', bool)]
    }
  ]
};
export const ideDrive: Codec<IDEState> = struct(vmstate_ide_drive);

const bus = fieldsOf<IDEBus>();
export const vmstate_ide_bus: VMStateDescription<IDEBus> = {
  name: 'ide_bus',
  version: 1,
  minimumVersion: 1,
  fields: [
    bus('cmd', u8, {
      doc: 'Device control register',
      bits: [
        { name: 'DISABLE_IRQ', bit: 1 },
        { name: 'RESET', bit: 2 },
        { name: 'HOB', bit: 7, doc: 'high-order bytes are read back' }
      ]
    }),
    bus('unit', u8, { doc: 'Selected drive' })
  ],
  subsections: [
    {
      name: 'ide_bus/error',
      version: 2,
      minimumVersion: 1,
      doc: 'A request that failed and is tried again when the machine goes on',
      needed: (s) => (s.error_status === undefined ? undefined : s.error_status !== 0),
      fields: [
        bus('error_status', i32, {
          bits: [
            { name: 'DMA', bit: 3 },
            { name: 'PIO', bit: 4 },
            { name: 'READ', bit: 5, doc: 'alone: ATAPI' },
            { name: 'FLUSH', bit: 6 },
            { name: 'TRIM', bit: 7 },
            { name: 'HBA', bit: 8 }
          ]
        }),
        bus('retry_sector_num', i64, { since: 2, unit: 'sectors' }),
        bus('retry_nsector', u32, { since: 2, unit: 'sectors' }),
        bus('retry_unit', u8, 2)
      ]
    }
  ]
};
export const ideBus: Codec<IDEBus> = struct(vmstate_ide_bus);
