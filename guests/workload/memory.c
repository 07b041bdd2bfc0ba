// RAM size, the virtual address space, and the words that `mem` and `cr3` print about them. The address space uses
// every page size and is laid out a little like Linux's, so that a page-table walker has something to show.
#include "workload.h"

enum { P = 1, RW = 2, PWT = 8, PCD = 16, ACCESSED = 32, DIRTY = 64, LARGE = 128, GLOBAL = 256 };
#define NX (1ul << 63)
#define ADDRESS 0x000ffffffffff000ul

#define DIRECT_MAP 0xffff888000000000ul
#define WORK_MAP 0xffffc90000000000ul
#define APIC 0xfee00000ul

struct mapping {
  const char *name;
  u64 virtual, physical, bytes, page, rights;
};

struct memory memory;
static struct mapping mappings[10];
static unsigned mapping_count;
extern char boot_tables[], boot_tables_end[];

static u8 cmos(u8 index) {
  outb(0x70, 0x80 | index);  // bit 7: no NMI meanwhile
  return inb(0x71);
}

/// End of RAM below 4 GiB, as QEMU's pc_cmos_init leaves it in CMOS: 64 KiB units over 16 MiB, else KiB over 1 MiB.
static u64 find_ram_end(void) {
  u64 above16 = cmos(0x34) | (u64)cmos(0x35) << 8;
  if (above16) return 16 * MIB + above16 * 64 * KIB;
  return MIB + (cmos(0x30) | (u64)cmos(0x31) << 8) * KIB;
}

static bool has_gib_pages(void) {
  u32 eax = 0x80000001, ebx, ecx, edx;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
  return edx >> 26 & 1;
}

static u64 round_up(u64 value, u64 unit) { return (value + unit - 1) / unit * unit; }

static unsigned level_of(u64 page) { return page == GIB ? 3 : page == 2 * MIB ? 2 : 1; }

static u64 *entry_in(u64 table, u64 address, unsigned level) {
  return (u64 *)table + (address >> (12 + 9 * (level - 1)) & 511);
}

/// The entry that maps `address` at `level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB); makes the tables above it.
static u64 *make_entry(u64 address, unsigned level) {
  u64 table = memory.tables;
  for (unsigned at = 4; at > level; at--) {
    u64 *entry = entry_in(table, address, at);
    if (!*entry) {
      *entry = memory.tables_end | P | RW;
      __builtin_memset((void *)memory.tables_end, 0, PAGE);
      memory.tables_end += PAGE;
    }
    table = *entry & ADDRESS;
  }
  return entry_in(table, address, level);
}

static void map(const char *name, u64 virtual, u64 physical, u64 bytes, u64 page, u64 rights) {
  bytes = round_up(bytes, page);
  unsigned level = level_of(page);
  for (u64 offset = 0; offset < bytes; offset += page)
    *make_entry(virtual + offset, level) = (physical + offset) | rights | P | GLOBAL | (level > 1 ? LARGE : 0);
  mappings[mapping_count++] = (struct mapping){ name, virtual, physical, bytes, page, rights };
}

static void map_kernel(const char *name, const char *start, const char *end, u64 rights) {
  map(name, (u64)start, physical(start), (u64)(end - start), PAGE, rights);
}

void memory_init(void) {
  memory.ram_end = find_ram_end() / (2 * MIB) * (2 * MIB);
  memory.gib_pages = has_gib_pages();
  memory.tables = round_up(physical(kernel_end), PAGE);
  memory.tables_end = memory.tables + PAGE;
  __builtin_memset((void *)memory.tables, 0, PAGE);
  // One table covers 2 MiB of work pages; the other tables are fewer than 64.
  memory.work = round_up(memory.tables + (memory.ram_end / (2 * MIB) + 64) * PAGE, 2 * MIB);
  memory.work_end = memory.ram_end;
  memory.work_pages = (char *)WORK_MAP;

  map("low memory", PAGE, PAGE, 2 * MIB - PAGE, PAGE, RW | NX);   // not the first page: it catches null pointers
  map("RAM at its own address", 2 * MIB, 2 * MIB, memory.ram_end - 2 * MIB, 2 * MIB, RW | NX);
  map("local APIC", APIC, APIC, PAGE, PAGE, RW | NX | PCD | PWT);
  map("direct map", DIRECT_MAP, 0, memory.ram_end, memory.gib_pages ? GIB : 2 * MIB, RW | NX);
  map("work pages", WORK_MAP, memory.work, memory.work_end - memory.work, PAGE, RW | NX);
  map_kernel("kernel code", kernel_text, kernel_rodata, 0);
  map_kernel("kernel constants", kernel_rodata, kernel_data, NX);
  map_kernel("kernel data", kernel_data, stack_guard, RW | NX);
  map_kernel("kernel stack", stack_guard + PAGE, kernel_end, RW | NX);

  __asm__ volatile("mov %0, %%cr3" : : "r"(memory.tables) : "memory");
  __builtin_memset(boot_tables, 0, (u64)(boot_tables_end - boot_tables));
}

u64 work_page_count(void) { return (memory.work_end - memory.work) / PAGE; }

u64 hash_words(const void *start, u64 bytes) {
  u64 hash = bytes;
  for (const u64 *word = start; (u64)word < (u64)start + bytes; word++)
    hash = ((hash << 5 | hash >> 59) ^ *word) * 0x9e3779b97f4a7c15ul;
  return hash;
}

void memory_print(void) {
  print("%lu MiB of RAM; physical addresses:\n", memory.ram_end / MIB);
  print("  %08lx-%08lx  kernel code and constants\n", physical(kernel_text), physical(kernel_data));
  print("  %08lx-%08lx  kernel data and stack\n", physical(kernel_data), physical(kernel_end));
  print("  %08lx-%08lx  page tables\n", memory.tables, memory.tables_end);
  print("  %08lx-%08lx  work pages: %lu for dirty, fill and sum\n", memory.work, memory.work_end, work_page_count());
}

static const char *page_name(unsigned level) { return level == 3 ? "1 GiB" : level == 2 ? "2 MiB" : "4 KiB"; }

static void print_rights(u64 entry) { print("r%c%c", entry & RW ? 'w' : '-', entry & NX ? '-' : 'x'); }

void mappings_print(void) {
  print("cr3 %016lx\n", read_cr3());
  for (unsigned i = 0; i < mapping_count; i++) {
    const struct mapping *m = &mappings[i];
    print("  %016lx-%016lx -> %08lx  ", m->virtual, m->virtual + m->bytes, m->physical);
    print("%s  ", page_name(level_of(m->page)));
    print_rights(m->rights);
    print("  %s\n", m->name);
  }
  u64 accessed = 0, dirty = 0;
  for (u64 page = 0; page < work_page_count(); page++) {
    u64 entry = *make_entry(WORK_MAP + page * PAGE, 1);
    accessed += (entry & ACCESSED) != 0;
    dirty += (entry & DIRTY) != 0;
  }
  print("work pages accessed %lu, dirty %lu since boot\n", accessed, dirty);
}

void walk_print(u64 address) {
  static const char *const names[] = { "", "pt", "pd", "pdpt", "pml4" };
  if ((u64)((int64_t)(address << 16) >> 16) != address) {
    print("%016lx is not canonical\n", address);
    return;
  }
  u64 table = read_cr3() & ADDRESS;
  for (unsigned level = 4;; level--) {
    u64 *entry = entry_in(table, address, level);
    print("  %-4s[%3lu] at %08lx = %016lx\n", names[level], (u64)entry % PAGE / 8, (u64)entry, *entry);
    if (!(*entry & P)) {
      print("%016lx is not mapped\n", address);
      return;
    }
    if (level == 1 || *entry & LARGE) {
      u64 page = 1ul << (12 + 9 * (level - 1));
      print("%016lx -> %08lx  %s  ", address, (*entry & ADDRESS & -page) | (address & (page - 1)), page_name(level));
      print_rights(*entry);
      print("\n");
      return;
    }
    table = *entry & ADDRESS;
  }
}
