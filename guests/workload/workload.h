// The workload guest: one header for its few parts. Every physical byte of RAM is mapped at its own address too,
// so a physical address is also a pointer.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define KIB 1024ul
#define MIB (1024ul * KIB)
#define GIB (1024ul * MIB)
#define PAGE 4096ul
#define HZ 100ul

// workload.ld
extern char kernel_text[], kernel_rodata[], kernel_data[], kernel_end[], stack_guard[], stack_top[];
#define KERNEL_VIRTUAL 0xffffffff80000000ul
static inline u64 physical(const void *kernel_address) { return (u64)kernel_address - KERNEL_VIRTUAL; }

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 inb(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline u16 inw(u16 port) {
  u16 value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline u64 read_cr3(void) {
  u64 value;
  __asm__ volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}

// serial.c: the console, COM1
void serial_init(void);
void serial_interrupt(void);
int serial_read(void);       // next key, or -1
bool serial_has_input(void);
void print_char(char c);
/// Knows %c %s %lu %lx %% with a width and zero padding: enough, and gcc checks the arguments.
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);

// interrupts.c: GDT, IDT, PICs, local APIC, timer
#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
extern volatile u64 ticks;   // timer interrupts since boot, HZ a second
void interrupts_init(void);

// memory.c: how much RAM there is, and the page tables over it
struct memory {
  u64 ram_end;               // first physical address after RAM below 4 GiB
  u64 tables, tables_end;    // physical range of the page tables
  u64 work, work_end;        // physical range that the commands write to
  char *work_pages;          // the same, where it is mapped by 4 KiB pages
  bool gib_pages;            // the CPU has 1 GiB pages
};
extern struct memory memory;
void memory_init(void);
void memory_print(void);
void mappings_print(void);
void walk_print(u64 address);
u64 work_page_count(void);
/// Hash of whole 64-bit words, as README.md defines it.
u64 hash_words(const void *start, u64 bytes);

// dirty.c: writes to the work pages at a given rate
struct pattern;
const struct pattern *pattern_find(const char *name);
void patterns_print(void);
void dirty_start(u64 rate, u64 pages, const struct pattern *pattern, u64 count);
void dirty_stop(void);
void dirty_print(void);
/// Writes what is due, a bounded part of it; true while more is due. Says when a counted run has finished.
bool dirty_step(bool *finished);
/// Writes each of the first `pages` work pages once, in order.
void dirty_fill(u64 pages, const struct pattern *pattern);

// ide.c: the disk on the primary IDE channel, by programmed I/O
/// Sectors of the disk, 0 when there is none.
u64 ide_sectors(void);
/// Reads one 512-byte sector; false when the drive reports an error or does not answer.
bool ide_read(u64 sector, u8 *buffer);

// prompt.c
void prompt_start(void);
void prompt_key(char key);
void prompt_again(void);     // after a message of its own, show the prompt and what was typed so far
