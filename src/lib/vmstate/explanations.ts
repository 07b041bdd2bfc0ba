/**
 * What QEMU prints when a load fails, one row a message, in the wordings of 7.2 and of 10 to 11. The first row that
 * fits a line explains it. Rows with `context` say nothing by themselves beside another row's explanation.
 */
import {
  blockPlace,
  configPlace,
  fieldPlace,
  findRow,
  findSection,
  footerPlace,
  rowPlace,
  sectionById,
  sectionPlace,
  versionPlace,
  type Finding,
  type Place
} from './finding.ts';
import { deviceHint, ramBlockHint } from './load-hints.ts';
import type { Section, Snapshot } from './snapshot.ts';
import { hex } from './hex.ts';

export interface Context {
  readonly snapshot: Snapshot | undefined;
  /** The device that the other lines of the message are about. */
  readonly device: Section | undefined;
  /** Its idstr, when the snapshot is not at hand or lacks it. */
  readonly deviceName: string | undefined;
  /** The words behind `load of migration failed:`. */
  readonly errno: string | undefined;
}

type Explained = Omit<Finding, 'message' | 'source' | 'severity'> & Partial<Pick<Finding, 'severity'>>;

export interface Explanation {
  readonly pattern: RegExp;
  /** QEMU's file and function. */
  readonly source: string;
  readonly context?: boolean;
  explain(match: RegExpExecArray, context: Context): Explained;
}

const MiB = 2 ** 20;
const size = (bytes: number): string => (bytes % MiB === 0 ? `${bytes / MiB} MiB` : `${bytes / 1024} KiB`);
const streamPlace = (start: number, end: number): Place => ({ start, end });
const devicePlace = ({ device, deviceName }: Context): Place => sectionPlace(device, deviceName);

/** Where reading had to stop: the end of what there is, and the section that it lies in. */
function endPlace({ snapshot }: Context): Place {
  if (!snapshot) return {};
  const problem = snapshot.problems.find((p) => p.severity === 'fatal');
  const at = problem?.at ?? snapshot.end;
  const section = problem?.section ?? snapshot.sections.findLast((s) => s.start <= at && s.kind !== 'eof')?.name;
  return { start: at, end: Math.max(at, snapshot.end), ...(section === undefined ? {} : { section }) };
}

/** `piix4_pm/cpuhp` holds a struct for each possible CPU; nothing says how many. */
function hotplugStructs(section: Section | undefined): (Explained & { readonly structs: number }) | undefined {
  const devs = section && findRow(section.fields, (path) => /\/cpuhp\..*\bdevs$/.test(path));
  if (!section || !devs) return undefined;
  const structs = devs.row.children?.length ?? 0;
  const { start, end } = devs.row;
  return {
    ...rowPlace(section, devs.path, devs.row),
    structs,
    why:
      `The source wrote ${structs} hot-plug struct${structs === 1 ? '' : 's'} of 10 bytes at bytes ${start} to ${end}, ` +
      `one for each possible CPU. The destination has another number of possible CPUs, so it reads too many or too few ` +
      `and then finds no footer where it looks.`,
    hint: `Start the destination with the same -smp: possible CPUs are maxcpus, or cpus without it; here ${structs}.`
  };
}

function missingFooter(idstr: string, { snapshot }: Context): Explained {
  const section = findSection(snapshot, idstr);
  const structs = hotplugStructs(section);
  if (structs) return structs;
  const expected = section
    ? `Its body has ${section.bodyEnd - section.bodyStart} bytes (${section.bodyStart} to ${section.bodyEnd}); the `
    : 'The ';
  return {
    ...(section ? footerPlace(section) : sectionPlace(undefined, idstr)),
    why: `${expected}destination read another number of bytes, because its device has fewer or more fields, array elements or subsections.`,
    hint: 'Give the device the same properties on both sides, or the destination the source’s machine type.'
  };
}

const virtioFeature = (bit: number): string => virtioBits[bit] ?? `bit ${bit}`;
/** Virtio feature bits that properties of QEMU switch: bits 24 on are of every device. */
const virtioBits: Readonly<Record<number, string>> = {
  24: 'NOTIFY_ON_EMPTY (notify_on_empty)',
  27: 'ANY_LAYOUT (any_layout)',
  28: 'RING_INDIRECT_DESC (indirect_desc)',
  29: 'RING_EVENT_IDX (event_idx)',
  32: 'VERSION_1 (disable-modern)',
  33: 'IOMMU_PLATFORM (iommu_platform)',
  34: 'RING_PACKED (packed)',
  35: 'IN_ORDER (in_order)',
  36: 'ORDER_PLATFORM',
  37: 'SR_IOV',
  38: 'NOTIFICATION_DATA',
  40: 'RING_RESET (queue_reset)'
};

function features(received: bigint, allowed: bigint, context: Context): Explained {
  const missing: string[] = [];
  for (let bit = 0; bit < 128; bit++) {
    if ((received >> BigInt(bit)) & 1n && !((allowed >> BigInt(bit)) & 1n)) missing.push(virtioFeature(bit));
  }
  const { device } = context;
  const place = device && ['64bit_features.guest_features', 'guest_features_lo'].map((p) => fieldPlace(device, p));
  return {
    ...(place?.find((p) => p.path !== undefined) ?? devicePlace(context)),
    why: `The guest’s driver uses ${missing.join(', ') || 'features'}, which the destination’s device does not offer.`,
    hint: 'Give the device the same feature properties on both sides; a driver cannot give a feature back.'
  };
}

/** Capability lists start at other places with and without the modern transport; vectors are in the MSI-X register. */
function configByte(match: RegExpExecArray, context: Context): Explained {
  const [byte, read, device] = [1, 2, 3].map((i) => Number.parseInt(match[i]!, 16));
  const place = context.device ? configPlace(context.device, byte!) : devicePlace(context);
  const { register, doc, ...where } = place as ReturnType<typeof configPlace>;
  const name = register ?? `register ${hex(byte!)}`;
  const reason =
    byte === 0x34
      ? ' The list of capabilities starts elsewhere: the device has other capabilities, as with disable-modern, disable-legacy or without MSI-X.'
      : register?.startsWith('msix')
        ? ' The MSI-X table has another number of vectors: vectors or num-queues (which follows -smp) differs.'
        : byte! < 4
          ? ' It is another device model.'
          : '';
  return {
    ...where,
    why:
      `The guest may not change byte ${hex(byte!)} of the configuration space (${name}${doc ? `, ${doc}` : ''}), so both sides ` +
      `must have the same: the stream has ${hex(read!)}, the destination’s device ${hex(device!)}.${reason}`,
    hint: 'Give the device the same properties (disable-modern, num-queues, vectors, …) or the destination the source’s machine type.'
  };
}

function sizeMismatch([, block, received, local]: RegExpExecArray, { snapshot }: Context): Explained {
  const [theirs, ours] = [Number(received), Number(local)];
  return {
    ...blockPlace(snapshot, block!),
    why: `RAM block ${block} has ${size(theirs)} in the stream and ${size(ours)} at the destination.`,
    hint: ramBlockHint(block!, theirs)
  };
}

const notInMachine =
  'The stream has the state of a device that the destination does not have under this name. Devices are known by their bus address and name.';

export const explanations: readonly Explanation[] = [
  {
    pattern: /Machine type received is '(.*?)' and local is '(.*?)'/,
    source: 'migration/savevm.c configuration_post_load',
    explain: ([, theirs, ours], { snapshot }) => {
      const section = snapshot?.sections.find((s) => s.kind === 'configuration');
      return {
        ...(section ? fieldPlace(section, 'name') : { section: 'configuration/0', path: 'name' }),
        why: `The source ran machine type ${theirs}, the destination runs ${ours}. Names must be equal; pc and q35 stand for the newest version of the QEMU that runs.`,
        hint: `Start the destination with -machine ${theirs}.`
      };
    }
  },
  {
    pattern: /(?:Size|Length) mismatch: (.+?): (0x[0-9a-f]+)(?: in)? != (0x[0-9a-f]+)/i,
    source: 'softmmu/physmem.c, system/physmem.c qemu_ram_resize',
    explain: sizeMismatch
  },
  {
    pattern: /Unknown ramblock "(.*?)", cannot accept migration/,
    source: 'migration/ram.c ram_load_precopy, parse_ramblocks',
    explain: ([, block], { snapshot }) => ({
      ...blockPlace(snapshot, block!),
      why: `The stream has RAM block ${block}, the destination none of that name.`,
      hint: ramBlockHint(block!)
    })
  },
  {
    pattern: /Unknown (?:savevm )?section or instance '(.*?)' (\d+)/,
    source: 'migration/savevm.c qemu_loadvm_section_start_full',
    explain: ([, idstr, instance], { snapshot }) => {
      const section = findSection(snapshot, idstr!, Number(instance));
      return { ...sectionPlace(section, idstr, Number(instance)), why: notInMachine, hint: deviceHint(idstr!) };
    }
  },
  {
    pattern: /Unknown (?:savevm )?section type (\d+)/,
    source: 'migration/savevm.c qemu_loadvm_state_main',
    explain: ([, type], context) => ({
      ...endPlace(context),
      why: `Where a section should begin there is byte ${hex(Number(type))}. The section before it was read with a wrong length, or the stream is damaged.`
    })
  },
  {
    pattern: /Unknown (?:savevm )?section (\d+)$/,
    source: 'migration/savevm.c qemu_loadvm_section_part_end',
    explain: ([, id], { snapshot }) => ({
      ...sectionPlace(sectionById(snapshot, Number(id))),
      why: `A PART or END names section id ${id}, for which no START came.`
    })
  },
  {
    pattern: /unsupported version (\d+) for '(.*?)' v(\d+)/,
    source: 'migration/savevm.c qemu_loadvm_section_start_full',
    explain: ([, version, idstr, most], { snapshot }) => {
      const section = findSection(snapshot, idstr!);
      return {
        ...(section ? versionPlace(section) : sectionPlace(undefined, idstr)),
        why: `The section has version ${version}, the destination’s QEMU knows up to ${most}: the source is newer, or ran a newer machine type.`,
        hint: 'Use the same machine type on both sides, and a destination at least as new as the source.'
      };
    }
  },
  {
    pattern: /^(.*?): incoming version_id (\d+) is too (new|old) for local (?:minimum )?version_id\s+(\d+)/,
    source: 'migration/vmstate.c vmstate_load_state',
    explain: ([, name, version, how, local], context) => {
      const section = context.device ?? findSection(context.snapshot, name!);
      return {
        ...(section ? versionPlace(section) : devicePlace(context)),
        why: `${name} came in version ${version}; the destination reads ${how === 'new' ? 'up to' : 'from'} ${local}.`,
        hint: 'Use the same machine type on both sides.'
      };
    }
  },
  {
    pattern: /Missing section footer for (.+)/,
    source: 'migration/savevm.c check_section_footer',
    explain: ([, idstr], context) => missingFooter(idstr!, context)
  },
  {
    pattern: /Mismatched section id in footer for (.+?) - read 0x([0-9a-f]+) expected 0x([0-9a-f]+)/,
    source: 'migration/savevm.c check_section_footer',
    explain: ([, idstr, read, expected], { snapshot }) => {
      const section = sectionById(snapshot, Number.parseInt(expected!, 16)) ?? findSection(snapshot, idstr!);
      return {
        ...(section ? footerPlace(section) : sectionPlace(undefined, idstr)),
        why: `The footer names section 0x${read}, the section is 0x${expected}: the body was read with a wrong length, or the stream is damaged.`
      };
    }
  },
  {
    pattern: /Read section footer failed: (-?\d+)/,
    source: 'migration/savevm.c check_section_footer',
    explain: (_, context) => ({
      ...endPlace(context),
      why: 'The stream ends where a section’s footer should be: it was cut off.',
      hint: 'The source stopped sending, or the file is not complete. See what the source says.'
    })
  },
  {
    pattern: /get_pci_config_device: Bad config data: i=0x([0-9a-f]+) read: ([0-9a-f]+) device: ([0-9a-f]+)/,
    source: 'hw/pci/pci.c get_pci_config_device',
    explain: configByte
  },
  {
    pattern: /Features 0x([0-9a-f]+) unsupported\. Allowed features: 0x([0-9a-f]+)/,
    source: 'hw/virtio/virtio.c virtio_load',
    explain: ([, received, allowed], context) => features(BigInt(`0x${received}`), BigInt(`0x${allowed}`), context)
  },
  {
    pattern: /VQ (\d+) (?:vring\.num|size) (\w+) exceeds allocated max (\d+)/,
    source: 'hw/virtio/virtio.c virtio_load',
    explain: ([, queue, entries, most], context) => ({
      ...(context.device ? fieldPlace(context.device, `vq[${queue}].vring.num`) : devicePlace(context)),
      why: `Queue ${queue} has ${entries} entries in the stream; the destination’s device has room for ${most}.`,
      hint: `Give the device queue-size=${Number(entries)} at the destination. QEMU 11 checks what earlier versions let pass.`
    })
  },
  {
    pattern: /VQ (\d+) size 0x[0-9a-f]+ (?:< last_avail_idx|Guest index)/,
    source: 'hw/virtio/virtio.c virtio_load',
    explain: ([, queue], context) => ({
      ...(context.device ? fieldPlace(context.device, `vq[${queue}].last_avail_idx`) : devicePlace(context)),
      why: 'The ring in guest memory and the indices in the device’s state do not fit: memory is not that of the same moment.',
      hint: 'Check that the RAM contents came along (x-ignore-shared, backing file) and that nothing wrote to them after the state was saved.'
    })
  },
  {
    pattern: /Invalid number of virtqueues: 0x([0-9a-f]+)/,
    source: 'hw/virtio/virtio.c virtio_load',
    explain: (_, context) => ({
      ...(context.device ? fieldPlace(context.device, 'virtio.num') : devicePlace(context)),
      why: 'The number of queues is more than 1024: the bytes are not those of this device.'
    })
  },
  {
    pattern: /Not a migration stream(?:, magic: ([0-9a-f]+) != )?/,
    source: 'migration/savevm.c qemu_loadvm_state_header',
    explain: ([, magic]) => ({
      ...streamPlace(0, 4),
      path: 'magic',
      why: `The first four bytes are ${magic ? hex(Number.parseInt(magic, 16)) : 'something else'} instead of 0x5145564d, “QEVM”.`,
      hint: 'The file may be compressed, or have libvirt’s header in front, or be a disk image: this page opens those.'
    })
  },
  {
    pattern: /SaveVM v2 format is obsolete/,
    source: 'migration/savevm.c qemu_loadvm_state_header',
    explain: () => ({
      ...streamPlace(4, 8),
      path: 'version',
      why: 'Stream version 2 is that of QEMU before 0.11; no QEMU of today reads it.'
    })
  },
  {
    pattern: /Unsupported migration stream version/,
    source: 'migration/savevm.c qemu_loadvm_state_header',
    explain: () => ({ ...streamPlace(4, 8), path: 'version', why: 'The stream’s version is not 3.' })
  },
  {
    pattern: /Configuration section missing/,
    source: 'migration/savevm.c qemu_loadvm_state_header',
    explain: () => ({
      ...streamPlace(8, 9),
      section: 'configuration/0',
      why: 'Machine types up to 2.3 send no configuration section; the destination’s type expects one.',
      hint: 'Start the destination with the source’s machine type.'
    })
  },
  {
    pattern: /Capability (.+?) is (on|off), but received capability is (on|off)/,
    source: 'migration/savevm.c configuration_validate_capabilities',
    explain: ([, name, ours, theirs], { snapshot }) => {
      const section = snapshot?.sections.find((s) => s.kind === 'configuration');
      const found = section && findRow(section.fields, (_, row) => row.value === name);
      return {
        ...(section && found
          ? rowPlace(section, found.path, found.row)
          : section
            ? fieldPlace(section, 'capabilities')
            : { section: 'configuration/0', path: 'capabilities' }),
        why: `The source had capability ${name} ${theirs}, the destination has it ${ours}. It changes what the stream holds, so both must agree.`,
        hint: `migrate_set_capability ${name} ${theirs} at the destination, started with -incoming defer, before migrate_incoming.`
      };
    }
  },
  {
    pattern: /Received unknown capability (.+)/,
    source: 'migration/savevm.c get_capability',
    explain: ([, name], { snapshot }) => {
      const section = snapshot?.sections.find((s) => s.kind === 'configuration');
      return {
        ...(section ? fieldPlace(section, 'capabilities') : { section: 'configuration/0' }),
        why: `The destination’s QEMU has no capability ${name}: the source is newer.`
      };
    }
  },
  {
    pattern: /UUID (?:is )?received (?:is )?([0-9a-f-]+)(?: and local is ([0-9a-f-]+)|, but local uuid isn't set)/,
    source: 'migration/savevm.c vmstate_uuid_post_load',
    explain: ([, theirs, ours], { snapshot }) => {
      const section = snapshot?.sections.find((s) => s.kind === 'configuration');
      return {
        severity: ours === undefined ? 'warns' : 'fails',
        ...(section ? fieldPlace(section, 'uuid') : { section: 'configuration/0', path: 'uuid' }),
        why: 'With capability validate-uuid the source sends its UUID, and the destination must have the same.',
        hint: `Start the destination with -uuid ${theirs}.`
      };
    }
  },
  {
    pattern: /Received TARGET_PAGE_BITS is (\d+) but local is (\d+)/,
    source: 'migration/savevm.c configuration_post_load',
    explain: ([, theirs, ours]) => ({
      section: 'configuration/0',
      path: 'target_page_bits',
      why: `Pages have 2^${theirs} bytes at the source and 2^${ours} at the destination: another architecture or build.`
    })
  },
  {
    pattern: /Mismatched GPAs for block (\S+) (-?\d+)\s*!= (-?\d+)/,
    source: 'migration/ram.c parse_ramblock',
    explain: ([, block], { snapshot }) => ({
      ...blockPlace(snapshot, block!),
      why: `With x-ignore-shared each block’s guest-physical address is sent and compared; ${block} lies elsewhere at the destination.`
    })
  },
  {
    pattern: /Mismatched RAM page size (\S+) \(local\) (\d+) != (-?\d+)/,
    source: 'migration/ram.c parse_ramblock',
    explain: ([, block, ours, theirs], { snapshot }) => ({
      ...blockPlace(snapshot, block!),
      why: `Postcopy moves whole host pages: ${block} has pages of ${theirs} bytes at the source and ${ours} at the destination.`,
      hint: 'Back both sides with pages of one size (huge pages on both, or on neither).'
    })
  },
  {
    pattern: /block (\S+) should not be migrated/,
    source: 'migration/ram.c ram_block_from_stream',
    explain: ([, block], { snapshot }) => ({
      ...blockPlace(snapshot, block!),
      why: `The stream has pages of ${block}, which the destination leaves out of migration (x-ignore-shared or a non-migratable backend).`
    })
  },
  {
    pattern:
      /Found a zero page with value (\d+)|Illegal RAM offset (\w+)|Ack, bad migration stream!|Can't find block (\S+)/,
    source: 'migration/ram.c ram_load_precopy, ram_block_from_stream',
    explain: (_, context) => ({
      ...endPlace(context),
      section: 'ram/0',
      why: 'A page record makes no sense: the stream is damaged, or was read out of step from here on.'
    })
  },
  {
    pattern: /Unknown combination of migration flags: (0x[0-9a-f]+)|Getting RAM address failed/,
    source: 'migration/ram.c ram_load_precopy',
    explain: ([, flags], context) => ({
      ...endPlace(context),
      section: 'ram/0',
      why: `There is no page record where one should be${flags ? ` (flags ${flags})` : ''}: the stream was cut off inside the RAM, is damaged, or uses a feature that the destination lacks.`,
      hint: 'A cut stream reads as zeros at its end. See what the source says; compare capabilities on both sides.'
    })
  },
  {
    pattern:
      /Received an unexpected compressed page|Failed to decompress XBZRLE page|Failed to load XBZRLE page - (.+)/,
    source: 'migration/ram.c ram_load_precopy, load_xbzrle',
    explain: (_, context) => ({
      ...endPlace(context),
      section: 'ram/0',
      why: 'A compressed page or delta could not be applied: the capability is off at the destination, or the delta’s old page is not the one that it was made from.'
    })
  },
  {
    pattern: /Postcopy needs matching (?:RAM|target) page sizes/,
    source: 'migration/savevm.c loadvm_postcopy_handle_advise',
    explain: (_, { snapshot }) => ({
      ...sectionPlace(snapshot?.sections.find((s) => s.name === 'POSTCOPY_ADVISE')),
      why: 'Postcopy places whole host pages: both hosts must back each block with pages of the same size.'
    })
  },
  {
    pattern:
      /RAM postcopy is (?:enabled but have 0|disabled but have 16) byte advise|CMD_POSTCOPY_ADVISE invalid length/,
    source: 'migration/savevm.c loadvm_postcopy_handle_advise',
    explain: (_, { snapshot }) => ({
      ...sectionPlace(snapshot?.sections.find((s) => s.name === 'POSTCOPY_ADVISE')),
      why: 'Capability postcopy-ram is on at one side and off at the other.'
    })
  },
  {
    pattern: /MIG_CMD 0x([0-9a-f]+) unknown|CMD_(\w+) .*with no return path|(\w+) received with bad length/,
    source: 'migration/savevm.c loadvm_process_command',
    explain: (_, context) => ({
      ...endPlace(context),
      why: 'The stream has a command that the destination does not know or expect: the source is newer, or the stream is damaged.'
    })
  },
  {
    pattern: /Expected vmdescription section, but got (\d+)/,
    source: 'migration/savevm.c qemu_loadvm_state',
    explain: ([, byte], context) => ({
      ...endPlace(context),
      severity: 'warns',
      why: `Behind the last section there is byte ${byte} instead of the description of the device state. The state itself was read.`
    })
  },
  {
    pattern: /Unable to read ID string for section (\d+)|Failed to read (?:instance\/version|section) ID/,
    source: 'migration/savevm.c qemu_loadvm_section_start_full',
    explain: (_, context) => ({
      ...endPlace(context),
      why: 'The stream ends inside a section’s header: it was cut off.'
    })
  },
  {
    pattern: /Input validation failed: ([^/]+)\/(\S+)/,
    source: 'migration/vmstate.c vmstate_load_state',
    explain: ([, vmsd, field], context) => {
      const section = context.device ?? findSection(context.snapshot, vmsd!);
      return {
        ...(section ? fieldPlace(section, field!) : devicePlace(context)),
        why: `The value of ${vmsd}/${field} is one that the destination cannot have.`
      };
    }
  },
  {
    pattern: /post load hook failed for: kvm-tpr-opt|of device 'kvm-tpr-opt'/,
    source: 'hw/i386/vapic.c vapic_post_load',
    explain: (_, { snapshot }) => {
      const section = findSection(snapshot, 'kvm-tpr-opt');
      return {
        ...(section ? fieldPlace(section, 'rom_state_paddr') : { section: 'kvm-tpr-opt/0' }),
        why: 'This device looks into guest memory for the option ROM that it patched (at rom_state_paddr) and does not find it: the RAM contents are missing.',
        hint: 'With x-ignore-shared or CPR the destination must map the same RAM file, with its contents (share=on).'
      };
    }
  },
  {
    pattern: /Failed to load (?!element|vmstate|device state|PCIDevice)([^:\s]+):(\S+)/,
    source: 'migration/vmstate.c vmstate_load_state',
    context: true,
    explain: ([, vmsd, field], context) => {
      const cut = context.errno === 'Input/output error';
      const section = context.device ?? findSection(context.snapshot, vmsd!);
      return {
        ...(section ? fieldPlace(section, field!) : sectionPlace(undefined, vmsd)),
        ...(cut && context.snapshot ? pick(endPlace(context)) : {}),
        why: cut
          ? `The stream ends inside ${vmsd}, before ${field} was whole: it was cut off.`
          : `The field ${field} of ${vmsd} could not be loaded.`
      };
    }
  },
  {
    pattern: /Failed to load (.+?) state: stream error: (-?\d+)/,
    source: 'migration/vmstate.c vmstate_load_state',
    explain: ([, vmsd], context) => {
      const section = context.device ?? findSection(context.snapshot, vmsd!);
      return {
        ...endPlace(context),
        ...(section ? { section: sectionPlace(section).section! } : sectionPlace(undefined, vmsd)),
        why: `The stream ends inside ${vmsd}: it was cut off.`,
        hint: 'The file is not complete, or the connection broke. See what the source says.'
      };
    }
  },
  {
    pattern: /Failed to load element of type (.+?) for (\S+?)(?::|$)/,
    source: 'migration/vmstate.c vmstate_load_state',
    context: true,
    explain: ([, type, field], context) => ({
      ...(context.device ? fieldPlace(context.device, field!) : devicePlace(context)),
      why: `The field ${field} (${type}) could not be loaded.`
    })
  },
  {
    pattern:
      /(?:error while loading state section id (\d+)\((.+?)\)|Failed to load vmstate version_id: \d+, ret: (-?\d+))/,
    source: 'migration/savevm.c qemu_loadvm_section_part_end',
    context: true,
    explain: ([, , idstr, ret], context) => {
      const name = idstr ?? context.deviceName ?? 'ram';
      const cut = context.errno === 'Input/output error' || ret === '-5';
      if (!cut)
        return {
          ...sectionPlace(findSection(context.snapshot, name), name),
          why: `The section ${name} could not be loaded.`
        };
      return {
        ...endPlace(context),
        section: `${name}/0`,
        why: `The stream ends inside section ${name}: it was cut off.`,
        hint: 'The file is not complete, or the connection broke. See what the source says.'
      };
    }
  },
  {
    pattern:
      /error while loading state for instance 0x([0-9a-f]+) of\s+device '(.*?)'|Load state of device (\S+) failed/,
    source: 'migration/savevm.c qemu_loadvm_section_start_full',
    context: true,
    explain: ([, instance, idstr, early], context) => ({
      ...sectionPlace(context.device, idstr ?? early, Number.parseInt(instance ?? '0', 16)),
      why: `The state of ${idstr ?? early} could not be loaded${context.errno ? ` (${context.errno})` : ''}. The lines before this one say more.`
    })
  },
  {
    pattern: /Failed to load device state: (-?\d+)/,
    source: 'migration/savevm.c qemu_load_device_state',
    context: true,
    explain: (_, context) => ({ ...devicePlace(context), why: 'Device state could not be loaded.' })
  },
  {
    pattern: /State blocked by non-migratable device '(.*?)'/,
    source: 'migration/savevm.c qemu_savevm_state_blocked',
    explain: ([, idstr]) => ({
      ...sectionPlace(undefined, idstr),
      why: `The source has a device, ${idstr}, whose state cannot be sent.`,
      hint: 'Unplug it before the migration.'
    })
  },
  {
    pattern: /failed to set MSR (0x[0-9a-f]+) to (0x[0-9a-f]+)/,
    source: 'target/i386/kvm/kvm.c kvm_buf_set_msrs',
    explain: ([, msr, value], { snapshot }) => ({
      ...sectionPlace(findSection(snapshot, 'cpu'), 'cpu'),
      why: `KVM refuses MSR ${msr} = ${value}: the destination’s processor or CPU model lacks a feature that the guest uses.`,
      hint: 'Use a CPU model that both hosts can run, rather than host.'
    })
  },
  {
    pattern: /Parameter 'uri' expects a valid migration protocol/,
    source: 'migration/migration.c qemu_start_incoming_migration',
    explain: () => ({
      why: 'This QEMU does not know the URI’s protocol; file: came with 8.2.',
      hint: 'With an older QEMU: -incoming "exec:cat FILE".'
    })
  },
  {
    pattern: /Multi-channel URIs|requires multi-channel URIs/i,
    source: 'migration/migration.c transport_supports_multi_channels',
    explain: () => ({ why: 'Multifd and postcopy-preempt need a transport of several connections: tcp: or unix:.' })
  },
  {
    pattern: /[Uu]nsupported machine type/,
    source: 'softmmu/vl.c, system/vl.c select_machine',
    explain: () => ({
      why: 'This QEMU no longer has, or does not yet have, that machine type.',
      hint: 'qemu-system-x86_64 -machine help lists what there is. A machine type of the source that the destination lacks cannot be loaded there.'
    })
  },
  {
    pattern: /warning: (.*)/,
    source: 'util/error-report.c warn_report',
    explain: ([, text]) => ({ severity: 'warns', why: `A warning: it does not stop the load. ${text}` })
  },
  {
    pattern: /load of migration failed: (.+)/,
    source: 'migration/migration.c process_incoming_migration_co',
    context: true,
    explain: ([, errno], context) => ({
      ...(errno === 'Input/output error' ? endPlace(context) : {}),
      why:
        errno === 'Input/output error'
          ? 'The stream ended early or could not be read.'
          : 'This line alone says only that it failed; what was printed before it says why.'
    })
  }
];

const pick = ({ start, end }: Place): Place => (start === undefined ? {} : { start, end: end ?? start });
