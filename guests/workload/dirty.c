// Writes pages at a rate, in a pattern. What a run writes depends only on its arguments and on what was in memory,
// never on time: a counted run ends with the same memory whatever happened meanwhile, a migration for instance.
#include "workload.h"

struct pattern {
  const char *name, *help;
  u64 (*choose)(void);       // the page to write next
  void (*write)(u64 page);
};

static struct {
  const struct pattern *pattern;   // 0: not running
  u64 rate, pages, count;          // count 0: no end
  u64 written;                     // pages written so far
  u64 due, last_tick;              // due is in pages / HZ
  u64 random;                      // xorshift64* state
} run;

static u64 random(void) {
  run.random ^= run.random >> 12;
  run.random ^= run.random << 25;
  run.random ^= run.random >> 27;
  return run.random * 0x2545f4914f6cdd1dul;
}

static u64 next_page(void) { return run.written % run.pages; }
static u64 random_page(void) { return random() % run.pages; }

static u64 hot_page(void) {
  u64 hot = run.pages / 10 ? run.pages / 10 : 1;
  return random() % 10 ? random() % hot : random_page();
}

static u64 *words_of(u64 page) { return (u64 *)(memory.work_pages + page * PAGE); }

static void put_hex(char *end, u64 value) {
  for (; value; value >>= 4) *--end = "0123456789abcdef"[value & 15];
}

/// 128 equal lines that name the page's frame number and which write of the run this was, both in hex.
static void write_text(u64 page) {
  union {
    char text[33];
    u64 words[4];
  } line = { "page 0x00000 write 0x0000000000\n" };
  put_hex(line.text + 12, memory.work / PAGE + page);
  put_hex(line.text + 31, run.written);
  u64 *words = words_of(page);
  for (u64 i = 0; i < PAGE / 8; i++) words[i] = line.words[i % 4];
}

/// One word in each page: what a delta encoding (XBZRLE) likes best.
static void write_word(u64 page) { words_of(page)[run.written / run.pages % (PAGE / 8)] ^= random(); }

/// What no compression shortens.
static void write_noise(u64 page) {
  u64 *words = words_of(page);
  for (u64 i = 0; i < PAGE / 8; i++) words[i] = random();
}

static void write_zero(u64 page) { __builtin_memset(words_of(page), 0, PAGE); }

static const struct pattern patterns[] = {
  { "seq", "page after page, then again from the first; each filled with a line of text", next_page, write_text },
  { "random", "any page; text", random_page, write_text },
  { "hot", "nine writes of ten go to the first tenth; text", hot_page, write_text },
  { "xor", "page after page, 8 bytes changed in each", next_page, write_word },
  { "noise", "page after page, filled with random bytes", next_page, write_noise },
  { "zero", "page after page, cleared", next_page, write_zero },
};
enum { PATTERNS = sizeof patterns / sizeof *patterns };

const struct pattern *pattern_find(const char *name) {
  for (unsigned i = 0; i < PATTERNS; i++)
    if (!__builtin_strcmp(patterns[i].name, name)) return &patterns[i];
  return 0;
}

void patterns_print(void) {
  for (unsigned i = 0; i < PATTERNS; i++) print("  %-7s %s\n", patterns[i].name, patterns[i].help);
}

void dirty_start(u64 rate, u64 pages, const struct pattern *pattern, u64 count) {
  run.pattern = pattern;
  run.rate = rate;
  run.pages = pages;
  run.count = count;
  run.written = 0;
  run.due = 0;
  run.last_tick = ticks;
  run.random = 0x9e3779b97f4a7c15ul;
}

void dirty_stop(void) { run.pattern = 0; }

void dirty_print(void) {
  if (run.pattern) print("dirty: %s, %lu pages/s in %lu pages, ", run.pattern->name, run.rate, run.pages);
  else print("dirty: %s, ", run.count && run.written == run.count ? "finished" : "idle");
  print("%lu written\n", run.written);
}

static void write_next(void) {
  run.pattern->write(run.pattern->choose());
  run.written++;
}

bool dirty_step(bool *finished) {
  u64 now = ticks;
  if (!run.pattern) return false;
  run.due += run.rate * (now - run.last_tick);
  run.last_tick = now;
  if (run.due > run.rate * HZ) run.due = run.rate * HZ;   // too fast for this machine: drop what is over a second old
  for (unsigned i = 0; i < 64 && run.due >= HZ; i++) {
    run.due -= HZ;
    write_next();
    if (run.written == run.count) {
      run.pattern = 0;
      *finished = true;
      return false;
    }
  }
  return run.due >= HZ;
}

void dirty_fill(u64 pages, const struct pattern *pattern) {
  dirty_start(0, pages, pattern, pages);
  while (run.written < pages) write_next();
  run.pattern = 0;
  run.count = run.written = 0;
}
