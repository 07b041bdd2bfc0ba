/*
 * Runs one instruction at a time on this machine's CPU, from and to a whole floating-point state: the oracle of the
 * x87 and SSE tests. Standard input holds records, standard output the same number of records after execution.
 *
 * record ::= xsave area in the standard format, components x87, SSE and AVX (832 bytes)
 *            memory operand, to which RDI points (128 bytes)
 *            RAX RCX RDX RBX RFLAGS (u64 each)
 *            in: code, filled up with NOPs (16 bytes)      out: signal or 0 (u64), code of the signal (u64)
 *            8 bytes unused
 *
 * Built by tests/support/native-fpu.ts.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

struct record {
  uint8_t xsave[832];
  uint8_t memory[128];
  uint64_t rax, rcx, rdx, rbx, rflags;
  union {
    uint8_t code[16];
    struct {
      uint64_t signal, signal_code;
    };
  };
  uint64_t unused;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct record) == 1024, "layout");
_Static_assert(offsetof(struct record, rax) == 960, "layout");

/* rdi: record in, rsi: record out, rdx: code, which ends with a ret. */
void execute(const struct record *in, struct record *out, void *code);
__asm__(".globl execute\n"
        "execute:\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  mov %rdi, %r12; mov %rsi, %r13; mov %rdx, %r14\n"
        "  mov $7, %eax; xor %edx, %edx\n"
        "  xrstor64 (%r12)\n"
        "  lea 832(%r13), %rdi\n"
        "  mov 968(%r12), %rcx; mov 976(%r12), %rdx; mov 984(%r12), %rbx\n"
        "  pushq 992(%r12); popfq\n"
        "  mov 960(%r12), %rax\n"
        "  call *%r14\n"
        "  mov %rax, 960(%r13); mov %rcx, 968(%r13); mov %rdx, 976(%r13); mov %rbx, 984(%r13)\n"
        "  pushfq; popq 992(%r13)\n"
        "  cld\n"
        "  mov $7, %eax; xor %edx, %edx\n"
        "  xsave64 (%r13)\n"
        "  fninit\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n");

static sigjmp_buf after;
static struct record *result;

static void caught(int signal, siginfo_t *info, void *context) {
  const ucontext_t *c = context;
  const greg_t *regs = c->uc_mcontext.gregs;
  memcpy(result->xsave, c->uc_mcontext.fpregs, sizeof result->xsave);
  result->rax = regs[REG_RAX];
  result->rcx = regs[REG_RCX];
  result->rdx = regs[REG_RDX];
  result->rbx = regs[REG_RBX];
  result->rflags = regs[REG_EFL];
  result->signal = signal;
  result->signal_code = info->si_code;
  siglongjmp(after, 1);
}

int main(void) {
  static struct record in, out;
  uint8_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 1;
  code[16] = 0xc3;

  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  const int signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGTRAP};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);

  while (fread(&in, sizeof in, 1, stdin) == 1) {
    memcpy(code, in.code, 16);
    memset(&out, 0, sizeof out);
    memcpy(out.memory, in.memory, sizeof out.memory);
    /* XSAVE leaves areas in their initial state unwritten. */
    memset(out.xsave, 0, sizeof out.xsave);
    result = &out;
    if (!sigsetjmp(after, 1)) execute(&in, &out, code);
    __asm__ volatile("fninit\n\tvzeroupper");
    uint32_t mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    fwrite(&out, sizeof out, 1, stdout);
  }
  return 0;
}
