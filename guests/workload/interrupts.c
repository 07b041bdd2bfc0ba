// Descriptor tables, interrupt controllers and the timer. The 8259 pair delivers through the local APIC's LINT0
// ("virtual wire"); channel 0 of the 8254 ticks HZ times a second.
#include "workload.h"

enum { VECTORS = 64, IRQ_BASE = 32, IRQ_TIMER = 0, IRQ_CASCADE = 2, IRQ_COM1 = 4, SPURIOUS_VECTOR = 63 };
enum { DOUBLE_FAULT = 8, PAGE_FAULT = 14 };
enum { TSS_SELECTOR = 0x18 };

struct frame {               // as interrupts.S leaves it
  u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  u64 vector, error;
  u64 rip, cs, rflags, rsp, ss;
};

struct __attribute__((packed)) tss {
  u32 reserved0;
  u64 rsp[3], reserved1, ist[7], reserved2;
  u16 reserved3, io_map;
};

struct gate {
  u16 offset_low, selector;
  u8 ist, type;
  u16 offset_middle;
  u32 offset_high, reserved;
};

struct __attribute__((packed)) table_register {
  u16 limit;
  u64 base;
};

extern const char vector_entries[VECTORS][16];

static u64 gdt[5] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
static struct tss tss = { .io_map = sizeof(struct tss) };
static struct gate idt[VECTORS];
static char double_fault_stack[PAGE] __attribute__((aligned(16)));

volatile u64 ticks;

static void load_tables(void) {
  u64 base = (u64)&tss;
  tss.ist[0] = (u64)double_fault_stack + sizeof double_fault_stack;
  gdt[TSS_SELECTOR / 8] = (sizeof tss - 1) | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
  gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
  for (unsigned vector = 0; vector < VECTORS; vector++) {
    u64 entry = (u64)vector_entries[vector];
    idt[vector] = (struct gate){ .offset_low = (u16)entry, .selector = KERNEL_CS, .ist = vector == DOUBLE_FAULT,
                                 .type = 0x8e, .offset_middle = (u16)(entry >> 16), .offset_high = (u32)(entry >> 32) };
  }
  struct table_register gdtr = { sizeof gdt - 1, (u64)gdt }, idtr = { sizeof idt - 1, (u64)idt };
  __asm__ volatile(
      "lgdt %0\n lidt %1\n ltr %w2\n"
      "push %3\n lea 1f(%%rip), %%rax\n push %%rax\n lretq\n"
      "1: mov %4, %%ds\n mov %4, %%es\n mov %4, %%ss\n mov %5, %%fs\n mov %5, %%gs\n"
      : : "m"(gdtr), "m"(idtr), "r"(TSS_SELECTOR), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(0) : "rax", "memory");
}

static void pic_init(void) {
  outb(0x20, 0x11);          // ICW1: cascade, ICW4 follows
  outb(0xa0, 0x11);
  outb(0x21, IRQ_BASE);      // ICW2
  outb(0xa1, IRQ_BASE + 8);
  outb(0x21, 1 << IRQ_CASCADE);
  outb(0xa1, IRQ_CASCADE);
  outb(0x21, 0x01);          // ICW4: 8086
  outb(0xa1, 0x01);
  outb(0x21, (u8) ~(1 << IRQ_TIMER | 1 << IRQ_CASCADE | 1 << IRQ_COM1));
  outb(0xa1, 0xff);
}

static void apic_init(void) {
  volatile u32 *apic = (volatile u32 *)0xfee00000;
  apic[0xf0 / 4] = 0x100 | SPURIOUS_VECTOR;   // software enable
  apic[0x350 / 4] = 0x700;                    // LINT0: ExtINT, the 8259's line
  apic[0x360 / 4] = 0x400;                    // LINT1: NMI
}

static void timer_init(void) {
  u64 divisor = (1193182 + HZ / 2) / HZ;
  outb(0x43, 0x34);          // channel 0, low then high byte, rate generator
  outb(0x40, (u8)divisor);
  outb(0x40, (u8)(divisor >> 8));
}

void interrupts_init(void) {
  load_tables();
  pic_init();
  apic_init();
  timer_init();
}

static _Noreturn void panic(const struct frame *frame) {
  u64 cr2;
  __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
  print("\nexception %lu, error %lx, at %016lx", frame->vector, frame->error, frame->rip);
  if (frame->vector == PAGE_FAULT) print(", page fault on %016lx", cr2);
  print("\nrax %016lx rbx %016lx rcx %016lx rdx %016lx\n", frame->rax, frame->rbx, frame->rcx, frame->rdx);
  print("rsi %016lx rdi %016lx rbp %016lx rsp %016lx\nhalted\n", frame->rsi, frame->rdi, frame->rbp, frame->rsp);
  for (;;) __asm__ volatile("cli; hlt");
}

/// Called by interrupts.S.
void interrupt(const struct frame *frame) {
  switch (frame->vector) {
    case IRQ_BASE + IRQ_TIMER: ticks = ticks + 1; break;
    case IRQ_BASE + IRQ_COM1: serial_interrupt(); break;
    case IRQ_BASE + 7:       // the 8259 reports a line that went away as 7, and wants no EOI then
    case SPURIOUS_VECTOR: return;
    default: panic(frame);
  }
  outb(0x20, 0x20);
}
