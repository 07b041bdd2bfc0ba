// `dirty` for Linux: what the workload guest writes, written by a process. Its work pages are a file in /tmp, so that they
// stay when the rate is set anew; that is done by running it once more, and the process before then ends. No libc: the
// program is small enough to be typed at a serial console.
#include "../workload/workload.h"

static unsigned long syscall(long number, u64 a, u64 b, u64 c, u64 d, u64 e) {
  register u64 r10 __asm__("r10") = d;
  register u64 r8 __asm__("r8") = e;
  register u64 r9 __asm__("r9") = 0;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return (unsigned long)result;
}
// arch/x86/entry/syscalls/syscall_64.tbl
enum { WRITE = 1, OPEN, CLOSE, MMAP = 9, NANOSLEEP = 35, FORK = 57, EXIT = 60, FTRUNCATE = 77, SYSINFO = 99, SETSID = 112 };
enum { CLOCK_GETTIME = 228, CLOCK_MONOTONIC = 1, O_RDWR = 2, O_CREAT = 0100, PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1 };
#define FAILED(result) ((result) > -4096ul)
#define FILE "/tmp/dirty.pages"
#define NS_A_SECOND 1000000000ul

void print_char(char c) { syscall(WRITE, 1, (u64)&c, 1, 0, 0); }
#include "../workload/print.c.inc"

volatile u64 ticks;
struct memory memory;
u64 work_page_count(void) { return (memory.work_end - memory.work) / PAGE; }
#include "../workload/dirty.c"
#include "../workload/arguments.c.inc"

/// First page of the file: what the process that writes is told, and what it tells.
static struct control {
  volatile u64 process;      // counted: the one that shall write
  __typeof__(run) run;
} *control;

_Noreturn static void leave(int status) {
  syscall(EXIT, (u64)status, 0, 0, 0, 0);
  __builtin_unreachable();
}

static void sleep_tick(void) {
  u64 time[2] = { 0, NS_A_SECOND / HZ };
  syscall(NANOSLEEP, (u64)time, 0, 0, 0, 0);
}

/// The file may grow to half of RAM; what was never written takes none.
static bool map_file(void) {
  struct {
    u64 uptime, loads[3], total, others[16];
  } info;
  syscall(SYSINFO, (u64)&info, 0, 0, 0, 0);
  u64 bytes = info.total / 2 / PAGE * PAGE;
  u64 file = syscall(OPEN, (u64)FILE, O_RDWR | O_CREAT, 0600, 0, 0);
  if (FAILED(file) || FAILED(syscall(FTRUNCATE, file, PAGE + bytes, 0, 0, 0))) return false;
  u64 start = syscall(MMAP, 0, PAGE + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  if (FAILED(start)) return false;
  control = (struct control *)start;
  memory.work_end = bytes;
  memory.work_pages = (char *)start + PAGE;
  return true;
}

static void write_on(u64 process) {
  for (bool finished = false; !finished && control->process == process; sleep_tick()) {
    u64 time[2];
    do {
      syscall(CLOCK_GETTIME, CLOCK_MONOTONIC, (u64)time, 0, 0, 0);
      ticks = time[0] * HZ + time[1] / (NS_A_SECOND / HZ);
      // The first time, nothing is due.
      if (!run.last_tick) run.last_tick = ticks;
    } while (dirty_step(&finished) && control->process == process);
    if (control->process == process) control->run = run;
  }
}

__attribute__((used)) _Noreturn static void start(u64 *stack) {
  unsigned count = (unsigned)stack[0];
  char **words = (char **)(stack + 1);
  if (!map_file()) {
    print("dirty: no " FILE "\n");
    leave(1);
  }
  const char *word = count > 1 ? words[1] : "";
  bool idle = !__builtin_strcmp(word, "idle"), fill = !__builtin_strcmp(word, "fill");
  if (idle || fill) {
    control->process++;
    control->run.pattern = 0;
  }
  if (fill) {
    run_fill(count - 1, words + 1);
    leave(0);
  }
  if (count > 1 && !idle) {
    run_dirty(count, words);
    if (!run.pattern) leave(1);
    u64 process = ++control->process;
    // The one before looks at it each tick.
    sleep_tick();
    sleep_tick();
    if (syscall(FORK, 0, 0, 0, 0, 0) == 0) {
      syscall(SETSID, 0, 0, 0, 0, 0);
      for (u64 file = 0; file < 3; file++) syscall(CLOSE, file, 0, 0, 0, 0);
      write_on(process);
    }
    leave(0);
  }
  run = control->run;
  dirty_print();
  leave(0);
}

__asm__(".global _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call start\n");
