/** Names of the bits of CPUID and which of them follow from others. Source: QEMU target/i386/cpu.c feature_word_info. */

const words = (names: string): readonly string[] => names.trim().split(/\s+/);

/** By word as in `CpuModel.features`; the name of bit i is element i, "-" where it has none. */
export const FEATURE_NAMES: Readonly<Record<string, readonly string[]>> = {
  '1_EDX': words(`fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov
    pat pse36 pn clflush - ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe`),
  '1_ECX': words(`pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm
    - pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave osxsave avx f16c rdrand hypervisor`),
  '7_0_EBX': words(`fsgsbase tsc-adjust sgx bmi1 hle avx2 fdp-excptn-only smep
    bmi2 erms invpcid rtm - zero-fcs-fds mpx -
    avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt
    clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl`),
  '7_0_ECX':
    words(`- avx512vbmi umip pku ospke waitpkg avx512vbmi2 - gfni vaes vpclmulqdq avx512vnni avx512bitalg - avx512-vpopcntdq -
    la57 - - - - - rdpid - bus-lock-detect cldemote - movdiri movdir64b - sgxlc pks`),
  '7_0_EDX': words('- - avx512-4vnniw avx512-4fmaps fsrm'),
  '7_1_EAX': words('- - - - avx-vnni - - cmpccxadd - - fzrm fsrs fsrc'),
  '8000_0001_EDX': words(`fpu vme de pse tsc msr pae mce cx8 apic - syscall mtrr pge mca cmov
    pat pse36 - - nx - mmxext mmx fxsr fxsr-opt pdpe1gb rdtscp - lm 3dnowext 3dnow`),
  '8000_0001_ECX': words(`lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse
    3dnowprefetch osvw ibs xop skinit wdt - lwp fma4`),
  '8000_0008_EBX': words('clzero - xsaveerptr - - - - - - wbnoinvd'),
  '6_EAX': words('- - arat'),
  XSAVE: words('xsaveopt xsavec xgetbv1 xsaves')
};

/**
 * Features of the processor itself, rather than of instructions in the table: paging, control registers, MSRs. The
 * instructions of the last two are there with SSE, and for all.
 */
export const SYSTEM_FEATURES: readonly string[] = words(`
  fpu de pse tsc msr pae mce apic mtrr pge mca pat pse36 acpi ss hypervisor
  smep umip la57 pcid erms fsrm fzrm fsrs fsrc arat xgetbv1 xsaveerptr pks x2apic
  nx pdpe1gb lm lahf-lm cr8legacy cmp-legacy mmxext 3dnowprefetch`);

/** Features that mean nothing without another. Source: QEMU feature_dependencies, x86_ext_save_areas. */
export const NEEDS: Readonly<Record<string, string>> = {
  mmxext: 'sse',
  avx: 'xsave',
  pku: 'xsave',
  xsaveopt: 'xsave',
  xsavec: 'xsave',
  xgetbv1: 'xsave',
  avx2: 'avx',
  fma: 'avx',
  f16c: 'avx',
  vaes: 'avx',
  vpclmulqdq: 'avx',
  la57: 'lm',
  invpcid: 'pcid'
};
