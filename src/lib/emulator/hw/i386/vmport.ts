/** VMware's backdoor port: commands and answers in the CPU's registers. Source: QEMU hw/i386/vmport.c. */
import { MemoryRegion } from '../../system/memory.ts';
import type { DeviceHost } from '../core/qdev.ts';

const PORT = 0x5658;
const MAGIC = 0x564d5868;
export const VMPORT_CMD = {
  ...{ GETVERSION: 10, GETBIOSUUID: 19, GETRAMSIZE: 20, VMMOUSE_DATA: 39, VMMOUSE_STATUS: 40, VMMOUSE_COMMAND: 41 },
  GETHZ: 45,
  GET_VCPU_INFO: 68
} as const;
const VMX_VERSION = 6;
/** VMware ESX server. */
const VMX_TYPE = 2;

/** EAX, EBX, ECX, EDX, ESI and EDI of the CPU that accesses the port. A write gives the upper halves of 64 bits zeros. */
export type VmportRegister = 'eax' | 'ebx' | 'ecx' | 'edx' | 'esi' | 'edi';
export interface VmportCpu {
  get(register: VmportRegister): number;
  set(register: VmportRegister, value: number): void;
}

/** Returns what EAX becomes. */
export type VmportCommand = (cpu: VmportCpu) => number;

export interface VmportOptions {
  readonly cpu: VmportCpu;
  /** Bytes of RAM. */
  readonly memory: number;
  /** 16 bytes; zeros where undefined. */
  readonly uuid?: Uint8Array | undefined;
}

export class Vmport {
  readonly #cpu: VmportCpu;
  readonly #commands = new Map<number, VmportCommand>();

  constructor({ ports }: Pick<DeviceHost, 'ports'>, { cpu, memory, uuid = new Uint8Array(16) }: VmportOptions) {
    this.#cpu = cpu;
    const word = (n: number): number => new DataView(uuid.buffer, uuid.byteOffset).getUint32(4 * n, true);
    this.register(VMPORT_CMD.GETVERSION, () => {
      cpu.set('ebx', MAGIC);
      cpu.set('ecx', VMX_TYPE);
      return VMX_VERSION;
    });
    this.register(VMPORT_CMD.GETRAMSIZE, () => {
      cpu.set('ebx', 0x1177);
      return memory >>> 0;
    });
    this.register(VMPORT_CMD.GETBIOSUUID, () => {
      cpu.set('ebx', word(1));
      cpu.set('ecx', word(2));
      cpu.set('edx', word(3));
      return word(0);
    });
    // The frequencies are not known, as with QEMU's TCG.
    this.register(VMPORT_CMD.GETHZ, () => {
      cpu.set('ebx', 0xffff_ffff);
      return cpu.get('eax');
    });
    this.register(VMPORT_CMD.GET_VCPU_INFO, () => 0);
    const access = (): number => this.#access();
    ports.register(
      PORT,
      MemoryRegion.io('vmport', 1, { impl: { min: 4, max: 4 }, read: access, write: () => void access() })
    );
  }

  register(command: number, run: VmportCommand): void {
    this.#commands.set(command, run);
  }

  /** Source: vmport_ioport_read. */
  #access(): number {
    const cpu = this.#cpu;
    const command = cpu.get('eax') === MAGIC ? this.#commands.get(cpu.get('ecx') & 0xff) : undefined;
    const value = (command?.(cpu) ?? 0xffff_ffff) >>> 0;
    cpu.set('eax', value);
    return value;
  }
}
