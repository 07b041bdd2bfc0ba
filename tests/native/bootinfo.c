/*
 * A kernel that says on port 0xe9 how it was started, and ends through isa-debug-exit at 0xf4. With MULTIBOOT it has a
 * multiboot header, else a PVH note. Everything is 32-bit; nothing but the compiler's own headers is used.
 */
#include <stdint.h>

#ifdef MULTIBOOT
__attribute__((section(".multiboot"), used, aligned(4))) static const uint32_t header[3] = {
    0x1badb002, 3, -(0x1badb002 + 3),
};
#else
extern char start[];
__attribute__((section(".note.pvh"), used, aligned(4))) static const struct {
    uint32_t name, length, type;
    char text[4];
    const char *entry;
} note = {4, 4, 18, "Xen", start};
#endif

__asm__(".globl start\n"
        "start: mov %esp, given_esp\n"
        "mov $stack_end, %esp\n"
        "mov %cr0, %ecx\n"
        "pushfl\n"
        "push %ecx\n"
        "push %ebx\n"
        "push %eax\n"
        "call say_all\n");

uint32_t given_esp;
__attribute__((aligned(16))) uint8_t stack[8192];
__asm__(".set stack_end, stack + 8192\n");
/** Its end is not in the file: it has to be zeros. */
static uint8_t zeros[70000];

static void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static void text(const char *s) {
    while (*s) out8(0xe9, *s++);
}
static void hex(uint64_t value) {
    char digits[17] = {0};
    int i = 16;
    do digits[--i] = "0123456789abcdef"[value & 15];
    while ((value >>= 4) && i > 0);
    text(digits + i);
}
static void item(const char *name, uint64_t value) {
    text(name);
    text(" ");
    hex(value);
    text("\n");
}
static void quoted(const char *name, const char *s) {
    text(name);
    text(" \"");
    text(s);
    text("\"\n");
}
static uint32_t sum(const uint8_t *bytes, uint32_t length) {
    uint32_t all = 0;
    while (length--) all = (all << 5 | all >> 27) ^ *bytes++;
    return all;
}
static uint64_t at64(const uint32_t *words) { return words[0] | (uint64_t)words[1] << 32; }

static void segments(void) {
    uint16_t cs, ds, ss;
    uint32_t rights;
    __asm__("mov %%cs, %0\nmov %%ds, %1\nmov %%ss, %2" : "=r"(cs), "=r"(ds), "=r"(ss));
    __asm__("lar %1, %0" : "=r"(rights) : "r"((uint32_t)cs));
    item("code", rights & 0xf0f000);
    __asm__("lsl %1, %0" : "=r"(rights) : "r"((uint32_t)ds));
    item("data limit", rights);
}

#ifdef MULTIBOOT
static void say(uint32_t eax, const uint32_t *mbi) {
    item("magic", eax);
    item("flags", mbi[0]);
    item("lower", mbi[1]);
    item("upper", mbi[2]);
    item("device", mbi[3]);
    quoted("command line", (const char *)mbi[4]);
    quoted("loader", (const char *)mbi[16]);
    const uint32_t *mod = (const uint32_t *)mbi[6];
    for (uint32_t i = 0; i < mbi[5]; i++, mod += 4) {
        item("module", mod[0]);
        item("length", mod[1] - mod[0]);
        item("sum", sum((const uint8_t *)mod[0], mod[1] - mod[0]));
        quoted("module's line", (const char *)mod[2]);
    }
    for (uint32_t at = mbi[12]; at < mbi[12] + mbi[11]; at += *(uint32_t *)at + 4) {
        const uint32_t *entry = (const uint32_t *)at;
        item("map", at64(entry + 1));
        item("  bytes", at64(entry + 3));
        item("  type", entry[5]);
    }
}
#else
static void say(uint32_t eax, const uint32_t *info) {
    item("magic", info[0]);
    item("version", info[1]);
    item("flags", info[2]);
    quoted("command line", (const char *)info[6]);
    const uint32_t *mod = (const uint32_t *)info[4];
    for (uint32_t i = 0; i < info[3]; i++, mod += 8) {
        item("module", at64(mod));
        item("length", at64(mod + 2));
        item("sum", sum((const uint8_t *)mod[0], mod[2]));
    }
    item("rsdp sum", info[8] ? (uint8_t)({
        uint8_t all = 0;
        for (int i = 0; i < 20; i++) all += ((const uint8_t *)info[8])[i];
        all;
    }) : 0xfff);
    const uint32_t *entry = (const uint32_t *)info[10];
    for (uint32_t i = 0; i < info[12]; i++, entry += 6) {
        item("map", at64(entry));
        item("  bytes", at64(entry + 2));
        item("  type", entry[4]);
    }
}
#endif

__attribute__((used)) static void say_all(uint32_t eax, uint32_t ebx, uint32_t cr0, uint32_t eflags) {
    item("cr0", cr0);
    item("eflags", eflags & 0x37200);
    segments();
    item("bss", sum(zeros, sizeof zeros));
    say(eax, (const uint32_t *)ebx);
    out8(0xf4, 0x21);
    for (;;) __asm__ volatile("hlt");
}
