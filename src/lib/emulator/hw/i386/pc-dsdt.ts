/**
 * What a PC tells the guest about itself in ACPI's language: the PCI bus with its interrupts, ISA devices, HPET, sleep
 * states. Hotplug is left out.
 * Source: QEMU hw/i386/acpi-build.c build_dsdt, build_piix4_pci0_int, hw/acpi/pci.c.
 */
import {
  and,
  arg,
  byteField,
  call,
  createDwordField,
  device,
  dwordMemory,
  eisaid,
  ifThen,
  int,
  interrupt,
  io,
  irqNoFlags,
  less,
  memory32Fixed,
  method,
  name,
  nameDecl,
  operationRegion,
  or,
  packageOf,
  processor,
  resourceTemplate,
  returns,
  scope,
  SPACE,
  store,
  wordBusNumber,
  wordIo,
  type Aml
} from '../acpi/aml-build.ts';

export interface DsdtOptions {
  /** Bytes of RAM below 4 GiB: behind it PCI devices may be mapped. */
  readonly below4g: number;
  /** Where they must end: the I/O APIC. */
  readonly pciEnd: number;
  readonly hpet: number | undefined;
  /** Ports of the serial and printer ports that there are, with their interrupts. */
  readonly serials: readonly (readonly [port: number, irq: number])[];
  readonly parallel: readonly [port: number, irq: number] | undefined;
}

const PIRQS = ['PRQ0', 'PRQ1', 'PRQ2', 'PRQ3'];
const LINKS = ['LNKA', 'LNKB', 'LNKC', 'LNKD'];
const ROUTABLE = [5, 10, 11];
const SCI = 9;
const SLOTS = 32;
const PINS = [0, 1, 2, 3];
/** The power management function's slot, whose first pin is the SCI. */
const PM_SLOT = 1;
const PRESENT = 0x0f;
const PRESENT_OFF = 0x0b;
const ROUTING_OFF = 0x80;
const ECP = 8;

const hid = (id: string): Aml => nameDecl('_HID', eisaid(id));
const uid = (n: number): Aml => nameDecl('_UID', int(n));
const crs = (...resources: Aml[]): Aml => nameDecl('_CRS', resourceTemplate(...resources));

/** A package for each pin of each slot. */
const routing = (): Aml =>
  method(
    '_PRT',
    0,
    false,
    returns(
      packageOf(
        ...Array.from({ length: SLOTS }, (_, slot) =>
          PINS.map((pin) => {
            const link = slot === PM_SLOT && pin === 0 ? 'LNKS' : LINKS[(slot + pin + 3) & 3]!;
            return packageOf(int(slot * 0x10000 + 0xffff), int(pin), name(link), int(0));
          })
        ).flat()
      )
    )
  );

/** Source: build_link_dev. */
const link = (path: string, n: number, register: string): Aml =>
  device(
    path,
    ...[hid('PNP0C0F'), uid(n), nameDecl('_PRS', resourceTemplate(interrupt(ROUTABLE)))],
    method('_STA', 0, false, returns(call('IQST', name(register)))),
    method('_DIS', 0, false, or(name(register), int(ROUTING_OFF), name(register))),
    method('_CRS', 0, false, returns(call('IQCR', name(register)))),
    method('_SRS', 1, false, createDwordField(arg(0), 5, 'PRRI'), store(name('PRRI'), name(register)))
  );

/** The SCI cannot be routed. Source: build_gsi_link_dev, in substance. */
const sciLink = (): Aml =>
  device(
    'LNKS',
    ...[hid('PNP0C0F'), uid(4), nameDecl('_PRS', resourceTemplate(interrupt([SCI])))],
    method('_STA', 0, false, returns(int(PRESENT_OFF))),
    method('_DIS', 0, false),
    method('_CRS', 0, false, returns(name('_PRS'))),
    method('_SRS', 1, false)
  );

const interrupts = (): Aml[] => [
  byteField('PCI0.S08.P40C', PIRQS),
  method('IQST', 1, false, ifThen(and(int(ROUTING_OFF), arg(0)), returns(int(9))), returns(int(PRESENT_OFF))),
  method(
    'IQCR',
    1,
    true,
    nameDecl('PRR0', resourceTemplate(interrupt([0]))),
    createDwordField(name('PRR0'), 5, 'PRRI'),
    ifThen(less(arg(0), int(ROUTING_OFF)), store(arg(0), name('PRRI'))),
    returns(name('PRR0'))
  ),
  ...LINKS.map((path, n) => link(path, n, PIRQS[n]!)),
  sciLink()
];

const isaDevices = ({ serials, parallel }: DsdtOptions): Aml[] => {
  const present = nameDecl('_STA', int(PRESENT));
  return [
    device('KBD', hid('PNP0303'), present, crs(io(0x60, 0x60, 1, 1), io(0x64, 0x64, 1, 1), irqNoFlags(1))),
    device('MOU', hid('PNP0F13'), present, crs(irqNoFlags(12))),
    ...(parallel
      ? [
          device(
            'LPT1',
            ...[hid('PNP0400'), uid(1), present],
            crs(io(parallel[0], parallel[0], ECP, 8), irqNoFlags(parallel[1]))
          )
        ]
      : []),
    ...serials.map(([port, irq], n) =>
      device(`COM${n + 1}`, hid('PNP0501'), uid(n + 1), present, crs(io(port, port, 0, 8), irqNoFlags(irq)))
    ),
    device('RTC', hid('PNP0B00'), crs(io(0x70, 0x70, 1, 8), irqNoFlags(8)))
  ];
};

/** The table's body: what is behind its header. */
export function dsdtBody(options: DsdtOptions): Uint8Array {
  const { below4g, pciEnd, hpet } = options;
  const bridge = crs(
    wordBusNumber(0, 0xff),
    io(0xcf8, 0xcf8, 1, 8),
    wordIo(0, 0xcf7),
    wordIo(0xd00, 0xffff),
    dwordMemory(0xa_0000, 0xb_ffff, true),
    dwordMemory(below4g, pciEnd - 1, false)
  );
  const isaBridge = device(
    'S08',
    nameDecl('_ADR', int(PM_SLOT << 16)),
    operationRegion('P40C', SPACE.pciConfig, 0x60, 4),
    ...isaDevices(options)
  );
  const timer = hpet === undefined ? [] : [device('HPET', hid('PNP0103'), uid(0), crs(memory32Fixed(hpet, 0x400)))];
  const sleep = (state: string, type: number): Aml => nameDecl(state, packageOf(int(type), int(type), int(0), int(0)));
  return Uint8Array.from(
    [
      scope('\\_SB', device('PCI0', hid('PNP0A03'), uid(0), nameDecl('_ADR', int(0)), bridge, routing(), isaBridge)),
      scope('\\_SB', ...interrupts(), ...timer, processor('C000', 0)),
      sleep('_S3', 1),
      sleep('_S4', 2),
      sleep('_S5', 0)
    ].flat()
  );
}
