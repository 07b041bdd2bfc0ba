/** A page of an x86 guest, which is QEMU's target page too, in bytes. Source: QEMU target/i386/cpu-param.h. */
export const PAGE = 4096;
