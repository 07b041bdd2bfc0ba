/*
 * Runs instructions on this machine's own CPU: each in a scratch page, with the registers, flags and memory it is given,
 * and says what came out. stdin: an array of struct test; stdout: an array of struct result, one each.
 *
 * The state goes in and comes out through the signal frame: after the instruction stands INT3, whose handler records
 * what is in the frame and puts the next test there.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x200000u
#define DATA 0x300000u
#define DATA_BYTES 8192
#define USER32_CS 0x23
#define USER_DS 0x2b

struct test {
  uint8_t code[16];
  uint64_t regs[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8… */
  uint32_t flags;
  uint32_t seed;   /* of the data pages */
  uint32_t offset; /* of the code in its page */
  uint32_t is32;
};
struct result {
  uint64_t regs[16];
  uint64_t rip;
  uint64_t cr2;
  uint64_t hash; /* of the data pages */
  uint32_t flags;
  uint16_t trap;
  uint16_t error;
};

static const int ORDER[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
static struct test *tests;
static struct result *results;
static size_t count, now;

static uint64_t *const data = (uint64_t *)(uintptr_t)DATA;

/* Also in insn-oracle.ts. */
static void fill(uint32_t seed) {
  uint32_t x = seed;
  uint32_t *words = (uint32_t *)data;
  for (int i = 0; i < DATA_BYTES / 4; i++) {
    x = x * 1664525u + 1013904223u;
    words[i] = x ^ (x >> 16);
  }
}
static uint64_t hash(void) {
  uint64_t h = 0xcbf29ce484222325u;
  for (int i = 0; i < DATA_BYTES / 8; i++) h = (h ^ data[i]) * 0x100000001b3u;
  return h;
}

static void begin(greg_t *g) {
  const struct test *t = &tests[now];
  uint8_t *code = (uint8_t *)(uintptr_t)CODE;
  memset(code, 0xcc, 8192);
  memcpy(code + t->offset, t->code, 16);
  fill(t->seed);
  for (int i = 0; i < 16; i++) g[ORDER[i]] = (greg_t)t->regs[i];
  g[REG_RIP] = CODE + t->offset;
  g[REG_EFL] = t->flags;
  if (t->is32) g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffll) | USER32_CS;
}

static int started;
static uint16_t cs64;
static void trap(int signal, siginfo_t *info, void *context) {
  (void)info;
  (void)signal;
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  if (!started) {
    started = 1;
    cs64 = (uint16_t)g[REG_CSGSFS];
  } else {
    struct result *r = &results[now++];
    for (int i = 0; i < 16; i++) r->regs[i] = (uint64_t)g[ORDER[i]];
    r->rip = (uint64_t)g[REG_RIP];
    r->flags = (uint32_t)g[REG_EFL];
    r->trap = (uint16_t)g[REG_TRAPNO];
    r->error = (uint16_t)g[REG_ERR];
    r->cr2 = (uint64_t)g[REG_CR2];
    r->hash = hash();
    g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffll) | cs64;
    if (now == count) {
      fwrite(results, sizeof *results, count, stdout);
      fflush(stdout);
      _exit(0);
    }
  }
  begin(g);
}

int main(void) {
  size_t room = 0, length = 0;
  char *input = NULL;
  for (;;) {
    if (room - length < 1 << 20) input = realloc(input, room += 1 << 22);
    ssize_t n = read(0, input + length, room - length);
    if (n <= 0) break;
    length += (size_t)n;
  }
  tests = (struct test *)input;
  count = length / sizeof *tests;
  if (count == 0) return 0;
  results = calloc(count, sizeof *results);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  if (mmap((void *)(uintptr_t)CODE, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == MAP_FAILED ||
      mmap((void *)(uintptr_t)DATA, DATA_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
    return 3;
  stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  /* 32-bit code needs segments to read and write; 64-bit code does not look. */
  __asm__ volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(USER_DS));
  __asm__ volatile("int3");
  return 4;
}
