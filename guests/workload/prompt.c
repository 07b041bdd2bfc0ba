// The prompt and its commands.
#include "workload.h"

enum { LINE = 100, WORDS = 6 };

static char line[LINE + 1];
static unsigned length;
static char note[PAGE] __attribute__((aligned(4096)));

static void show_prompt(void) { print("workload> "); }

#include "arguments.c.inc"

static void run_help(unsigned count, char **words);

static void run_idle(unsigned count, char **words) {
  (void)count, (void)words;
  dirty_stop();
  dirty_print();
}

static void sum_range(const char *name, u64 start, u64 end) {
  print("sum %016lx of %s %08lx-%08lx\n", hash_words((void *)start, end - start), name, start, end);
}

static void run_sum(unsigned count, char **words) {
  u64 pages = work_page_count();
  if (count > 1 && !size_argument(words[1], &pages)) return;
  sum_range("work pages", memory.work, memory.work + pages * PAGE);
  sum_range("kernel code and constants", physical(kernel_text), physical(kernel_data));
}

static void run_ticks(unsigned count, char **words) {
  (void)count, (void)words;
  u64 now = ticks;
  print("ticks %lu, %lu a second: up %lu.%02lu s\n", now, HZ, now / HZ, now % HZ);
}

static void run_mem(unsigned count, char **words) {
  (void)count, (void)words;
  memory_print();
}

static void run_cr3(unsigned count, char **words) {
  u64 address;
  if (count < 2) mappings_print();
  else if (number_argument(words[1], &address)) walk_print(address);
}

static void run_disk(unsigned count, char **words) {
  u8 buffer[512] __attribute__((aligned(8)));
  u64 sector = 0, sectors = ide_sectors();
  if (count > 1 && !number_argument(words[1], &sector)) return;
  if (!sectors) {
    print("disk: none; start QEMU with -drive file=IMAGE,format=raw,if=ide\n");
    return;
  }
  print("disk: %lu sectors\n", sectors);
  if (sector >= sectors) {
    print("disk: no sector %lu\n", sector);
    return;
  }
  if (ide_read(sector, buffer)) print("sum %016lx of sector %lu\n", hash_words(buffer, sizeof buffer), sector);
  else print("disk: sector %lu cannot be read\n", sector);
}

static void run_note(unsigned count, char **words) {
  if (count > 1) {
    __builtin_memset(note, 0, sizeof note);
    __builtin_strcpy(note, words[1]);
  }
  print("note at %08lx: %s\n", physical(note), note);
}

static const struct command {
  const char *name, *arguments, *help;
  void (*run)(unsigned count, char **words);
  bool whole_line;           // what follows the name is one argument
} commands[] = {
  { "help", "", "this list", run_help, false },
  { "dirty", "[RATE SIZE PATTERN [COUNT]]", "write RATE pages a second within SIZE, in all COUNT", run_dirty, false },
  { "idle", "", "stop that", run_idle, false },
  { "fill", "SIZE [PATTERN]", "write SIZE once, at once", run_fill, false },
  { "sum", "[SIZE]", "checksum of the work pages, and of the kernel", run_sum, false },
  { "note", "[TEXT]", "keep a text in memory, or show it", run_note, true },
  { "ticks", "", "timer interrupts since boot", run_ticks, false },
  { "mem", "", "what is where in physical memory", run_mem, false },
  { "cr3", "[ADDRESS]", "virtual memory; or the page-table walk of one address", run_cr3, false },
  { "disk", "[SECTOR]", "read a sector of the IDE disk", run_disk, false },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void run_help(unsigned count, char **words) {
  (void)count, (void)words;
  for (const struct command *command = commands; command < commands + COMMANDS; command++)
    print("  %-5s %-28s %s\n", command->name, command->arguments, command->help);
  print("SIZE is a number of 4 KiB pages, or like 512K or 2M. PATTERN:\n");
  patterns_print();
}

/// Cuts `text` into words in place, at most WORDS.
static unsigned split(char *text, char **words) {
  unsigned count = 0;
  while (*text && count < WORDS) {
    while (*text == ' ') *text++ = 0;
    if (*text) words[count++] = text;
    while (*text && *text != ' ') text++;
  }
  *text = 0;
  return count;
}

static void run_line(void) {
  char *words[WORDS], *text = line;
  while (*text == ' ') text++;
  if (!*text) return;
  for (unsigned i = 0; i < COMMANDS; i++) {
    const struct command *command = &commands[i];
    u64 name = __builtin_strlen(command->name);
    if (__builtin_strncmp(text, command->name, name) || (text[name] && text[name] != ' ')) continue;
    unsigned count;
    if (command->whole_line) {
      words[0] = text;
      words[1] = text + name;
      while (*words[1] == ' ') words[1]++;
      count = *words[1] ? 2 : 1;
    } else {
      count = split(text, words);
    }
    command->run(count, words);
    return;
  }
  print("%s: no such command; try help\n", text);
}

void prompt_start(void) { show_prompt(); }

void prompt_again(void) {
  show_prompt();
  print("%s", line);
}

void prompt_key(char key) {
  if (key == '\r' || key == '\n') {
    print("\n");
    run_line();
    length = 0;
    line[0] = 0;
    show_prompt();
  } else if (key == '\b' || key == 0x7f) {
    if (!length) return;
    line[--length] = 0;
    print("\b \b");
  } else if (key >= ' ' && key < 0x7f && length < LINE) {
    line[length++] = key;
    line[length] = 0;
    print_char(key);
  }
}
