/** Bits of `hflags2`. QEMU target/i386/cpu.h HF2_*. */

/** Interrupts are taken at all, and virtual ones: SVM's flags, set without it. */
export const HF2_GIF = 1;
export const HF2_VGIF = 1 << 8;
/** An NMI, or an SMI, is being served: no NMI is taken. */
export const HF2_NMI = 1 << 2;
/** The SMI came while an NMI was being served. */
export const HF2_SMM_INSIDE_NMI = 1 << 4;
/** IGNNE# is asserted: x87 errors do not freeze the CPU. */
export const HF2_IGNNE = 1 << 7;
