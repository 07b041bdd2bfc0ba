# From reset (or a multiboot loader) to main() in long mode.
#
#   reset    the last 16 bytes of the image, real mode at ffff:fff0
#   rom      protected mode; copies the kernel out of the ROM to 1 MiB
#   entry32  where both ways meet: 32-bit, flat, paging off; first page tables, long mode
#   entry64  the kernel's own high addresses, its stack, main()

#define KERNEL_VIRTUAL 0xffffffff80000000
#define LOW(symbol) (symbol - KERNEL_VIRTUAL)

#define ROM_TOP 0xffff0000          /* the 64 KiB image ends at 4 GiB */
#define ROM_CODE 0xff00             /* .rom begins here in the image */
#define IN_ROM(symbol) (symbol - rom_start + ROM_CODE)

#define CR0_PE 0x00000001
#define CR0_MP 0x00000002
#define CR0_NE 0x00000020
#define CR0_WP 0x00010000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define CR4_PGE 0x80
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800
#define PRESENT_WRITABLE 0x3
#define LARGE 0x80

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_ADDRESSES 0x10000 /* the header says where to load: the image is no ELF file */

  .section .head, "ax"
  .code32
multiboot_header:
  .long MULTIBOOT_MAGIC, MULTIBOOT_ADDRESSES, -(MULTIBOOT_MAGIC + MULTIBOOT_ADDRESSES)
  .long LOW(multiboot_header)       # header_addr
  .long LOW(kernel_text)            # load_addr
  .long LOW(kernel_load_end)        # load_end_addr
  .long LOW(kernel_end)             # bss_end_addr
  .long LOW(entry32)                # entry_addr

  .globl entry32
entry32:
  cli
  cld
  lgdt LOW(boot_gdtr)
  ljmp $0x08, $LOW(1f)              # a multiboot loader's GDT may be gone by now
1:mov $0x10, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %fs
  mov %eax, %gs
  mov %eax, %ss

  mov $LOW(kernel_load_end), %edi   # zero .bss: it holds the tables built next
  mov $LOW(kernel_end), %ecx
  sub %edi, %ecx
  xor %eax, %eax
  rep stosb

  # The first GiB, by 2 MiB pages, at 0 and at KERNEL_VIRTUAL.
  movl $(LOW(boot_pdpt) + PRESENT_WRITABLE), LOW(boot_pml4)
  movl $(LOW(boot_pdpt) + PRESENT_WRITABLE), LOW(boot_pml4) + 511 * 8
  movl $(LOW(boot_pd) + PRESENT_WRITABLE), LOW(boot_pdpt)
  movl $(LOW(boot_pd) + PRESENT_WRITABLE), LOW(boot_pdpt) + 510 * 8
  mov $(PRESENT_WRITABLE + LARGE), %eax
  xor %ecx, %ecx
2:mov %eax, LOW(boot_pd)(, %ecx, 8)
  add $0x200000, %eax
  inc %ecx
  cmp $512, %ecx
  jne 2b

  mov $(CR4_PAE + CR4_PGE), %eax
  mov %eax, %cr4
  mov $LOW(boot_pml4), %eax
  mov %eax, %cr3
  mov $MSR_EFER, %ecx
  mov $(EFER_LME + EFER_NXE), %eax
  xor %edx, %edx
  wrmsr
  mov $(CR0_PG + CR0_WP + CR0_NE + CR0_MP + CR0_PE), %eax
  mov %eax, %cr0
  ljmp $0x18, $LOW(entry64_low)

  .code64
entry64_low:
  movabs $entry64, %rax
  jmp *%rax

  .text
entry64:
  mov $stack_top, %rsp
  xor %ebp, %ebp
  call main
3:hlt
  jmp 3b

  .section .rodata
  .balign 8
boot_gdt:
  .quad 0
  .quad 0x00cf9b000000ffff          # 08: 32-bit code
  .quad 0x00cf93000000ffff          # 10: data
  .quad 0x00af9b000000ffff          # 18: 64-bit code
boot_gdtr:
  .word . - boot_gdt - 1
  .long LOW(boot_gdt)

  .bss
  .balign 4096
  .globl boot_tables, boot_tables_end
boot_tables:
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd: .skip 4096
boot_tables_end:

# The last 256 bytes of the image. CS has base ROM_TOP until the far jump.
  .section .rom, "ax"
  .code16
rom_start:
rom:
  cli
  cld
  lgdtl %cs:IN_ROM(rom_gdtr)
  mov $CR0_PE, %eax
  mov %eax, %cr0
  ljmpl $0x08, $(ROM_TOP + IN_ROM(rom32))

  .code32
rom32:
  mov $0x10, %eax
  mov %eax, %ds
  mov %eax, %es
  in $0x92, %al                     # address line 20 on, should it be off
  or $2, %al
  and $0xfe, %al                    # bit 0 would reset
  out %al, $0x92
  mov $ROM_TOP, %esi
  mov $LOW(kernel_text), %edi
  mov $kernel_load_bytes, %ecx
  rep movsb
  mov $LOW(entry32), %eax
  jmp *%eax

  .balign 8
rom_gdt:
  .quad 0
  .quad 0x00cf9b000000ffff
  .quad 0x00cf93000000ffff
rom_gdtr:
  .word . - rom_gdt - 1
  .long ROM_TOP + IN_ROM(rom_gdt)

  .org 0xf0, 0
  .code16
  jmp rom
  .org 0x100, 0

  .section .note.GNU-stack, "", @progbits
