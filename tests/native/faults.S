# A firmware of 64 KiB that does what a guest should not, and says on its debug port what came of it: faults until
# the machine resets (RAM outlives that, so it counts), writes to ROM, accesses to addresses and ports where nothing is.
# It ends by writing to isa-debug-exit. Assembled for F0000; tests/support/firmware.ts runs it.
.intel_syntax noprefix
.code16

ORIGIN = 0xf0000
COUNT = 0x500
MAGIC = 0x5af3f00d
DEBUGCON = 0xe9
EXIT = 0xf4
STACK = 0x7000
DIRECTORY = 0x10000
DATA32 = 0x08

.text
.globl _start
_start:

.macro SAY text
    call say
    .asciz "\text"
.endm
# The text, and EAX.
.macro SHOW text
    SAY "\text"
    call hex
.endm

start:
    cli
    cld
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, STACK
    cmp dword ptr [COUNT], MAGIC
    je 1f
    mov dword ptr [COUNT], MAGIC
    mov dword ptr [COUNT + 4], 0
1:  inc dword ptr [COUNT + 4]
    mov eax, [COUNT + 4]
    SHOW "start "
    cmp al, 1
    je no_idt
    cmp al, 2
    je absent_idt
    cmp al, 3
    je no_pages
    cmp al, 4
    je no_gdt
    cmp al, 5
    je by_keyboard
    cmp al, 6
    je by_port_92
    cmp al, 7
    je by_port_cf9
    jmp rest

# ------------------------------------------------------------------ ways to a reset
# Interrupts of real mode beyond the table's limit.
no_idt:
    lidt cs:[nothing - ORIGIN]
    int3
    SAY "went on"
    jmp rest

.macro PROTECT
    lgdt cs:[gdtr - ORIGIN]
    mov eax, cr0
    or al, 1
    mov cr0, eax
.endm

# A table of zeros in protected mode.
absent_idt:
    lidt cs:[zeros_idtr - ORIGIN]
    PROTECT
    ud2

# The next instruction cannot be fetched.
no_pages:
    lidt cs:[nothing - ORIGIN]
    mov ax, DIRECTORY >> 4
    mov es, ax
    xor eax, eax
    xor di, di
    mov cx, 1024
    rep stosd
    mov eax, DIRECTORY
    mov cr3, eax
    PROTECT
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    jmp rest

# Descriptors where nothing is.
no_gdt:
    lidt cs:[nothing - ORIGIN]
    PROTECT
    lgdt cs:[hole_gdtr - ORIGIN]
    mov bx, DATA32
    mov fs, bx
    jmp rest

by_keyboard:
    mov al, 0xfe
    out 0x64, al
    jmp wait
by_port_92:
    mov al, 1
    out 0x92, al
    jmp wait
by_port_cf9:
    mov dx, 0xcf9
    mov al, 2
    out dx, al
    mov al, 6
    out dx, al
wait:
    jmp wait

# ------------------------------------------------------------------ what does not reset
rest:
    # FS and GS reach all addresses.
    PROTECT
    mov bx, DATA32
    mov fs, bx
    mov gs, bx
    and al, 0xfe
    mov cr0, eax

    mov ebx, 0xf8000
    call rom
    mov ebx, 0xffff8000
    call rom
    mov ebx, 0xc0000
    call rom

    mov si, offset holes - ORIGIN
1:  mov ebx, cs:[si]
    add si, 4
    test ebx, ebx
    jz 2f
    call hole
    jmp 1b
2:
    mov si, offset ports - ORIGIN
3:  mov bx, cs:[si]
    add si, 2
    test bx, bx
    jz 4f
    call port
    jmp 3b
4:
    mov si, offset wides - ORIGIN
5:  mov bx, cs:[si]
    add si, 2
    test bx, bx
    jz 6f
    call wide
    jmp 5b
6:
    # The same by strings: into RAM, from RAM, and into ROM.
    mov dx, 0x1234
    mov di, 0x600
    mov dword ptr [di], 0x11223344
    insb
    insw
    insd
    mov eax, [0x600]
    SHOW "ins "
    mov eax, [0x603]
    SHOW "ins "
    mov si, 0x600
    mov cx, 100
    mov dx, 0x1234
    rep outsd
    movzx eax, si
    SHOW "outs "
    mov ax, 0xf000
    mov es, ax
    mov di, 0x8000
    mov eax, es:[di]
    mov ebx, eax
    mov dx, 0x1234
    insd
    xor ebx, es:[0x8000]
    mov eax, ebx
    SHOW "ins to rom "
    # A stack in ROM.
    mov eax, es:[0x8000]
    mov ebx, eax
    mov ax, 0xf000
    mov ss, ax
    mov esp, 0x8004
    not ebx
    push ebx
    pop eax
    not ebx
    mov cx, 0
    mov ss, cx
    mov sp, STACK
    xor eax, ebx
    SHOW "stack in rom "
    SAY "end\n"
    mov al, 0x21
    out EXIT, al
7:  hlt
    jmp 7b

# EBX: an address of ROM.
rom:
    mov eax, ebx
    SHOW "rom "
    mov ecx, fs:[ebx]
    mov eax, ecx
    not eax
    mov fs:[ebx], eax
    call changed
    mov fs:[ebx + 1], ax
    call changed
    mov fs:[ebx + 3], al
    call changed
    xor dword ptr fs:[ebx], -1
    call changed
    lock inc dword ptr fs:[ebx]
    call changed
    xchg fs:[ebx], eax
    call gotten
    call changed
    mov eax, 0x1000
    lock xadd fs:[ebx], eax
    call gotten
    call changed
    mov eax, ecx
    mov edx, ecx
    not edx
    lock cmpxchg fs:[ebx], edx
    pushf
    pop ax
    and eax, 0x40
    SHOW "cmpxchg "
    call changed
    lock bts dword ptr fs:[ebx], 5
    setc al
    movzx eax, al
    bt ecx, 5
    setc dl
    xor al, dl
    SHOW "bts "
    call changed
    ret
changed:
    push eax
    mov eax, fs:[ebx]
    xor eax, ecx
    SHOW " changed "
    pop eax
    ret
# EAX against what was read at first.
gotten:
    push eax
    xor eax, ecx
    SHOW " got "
    pop eax
    ret

# EBX: an address where nothing is.
hole:
    mov eax, ebx
    SHOW "at "
    mov eax, 0x55aa55aa
    mov al, fs:[ebx]
    SHOW " byte "
    mov ax, fs:[ebx]
    SHOW " word "
    mov eax, fs:[ebx]
    SHOW " dword "
    mov dword ptr fs:[ebx], 0x12345678
    mov eax, fs:[ebx]
    SHOW " written "
    mov eax, 5
    lock xadd fs:[ebx], eax
    SHOW " xadd "
    mov eax, fs:[ebx]
    SHOW " then "
    fild qword ptr fs:[ebx]
    fistp qword ptr [0x600]
    mov eax, [0x604]
    SHOW " qword "
    ret

# BX: a port where nothing is.
port:
    movzx eax, bx
    SHOW "port "
    mov dx, bx
    mov eax, 0x55aa55aa
    in al, dx
    SHOW " byte "
    in ax, dx
    SHOW " word "
    in eax, dx
    SHOW " dword "
    mov eax, 0x12345678
    out dx, al
    out dx, ax
    out dx, eax
    in eax, dx
    SHOW " written "
    ret

# BX: a port of a device, read in sizes and at places that it may not take.
wide:
    movzx eax, bx
    SHOW "wide "
    mov dx, bx
    mov eax, 0x55aa55aa
    in ax, dx
    SHOW " word "
    in eax, dx
    SHOW " dword "
    inc dx
    mov eax, 0x55aa55aa
    in ax, dx
    SHOW " next word "
    in eax, dx
    SHOW " next dword "
    ret

# ------------------------------------------------------------------ words
# What stands behind the call.
say:
    push bp
    mov bp, sp
    push eax
    push edx
    push si
    mov si, [bp + 2]
1:  mov al, cs:[si]
    inc si
    test al, al
    jz 2f
    mov dx, DEBUGCON
    out dx, al
    jmp 1b
2:  mov [bp + 2], si
    pop si
    pop edx
    pop eax
    pop bp
    ret

hex:
    pushad
    mov cx, 8
    mov dx, DEBUGCON
1:  rol eax, 4
    push eax
    and al, 0xf
    add al, '0'
    cmp al, '9'
    jbe 2f
    add al, 'a' - '0' - 10
2:  out dx, al
    pop eax
    loop 1b
    mov al, 10
    out dx, al
    popad
    ret

.balign 8
gdt:
    .quad 0
    .quad 0x00cf92000000ffff
    .quad 0x00cf9a000000ffff
gdtr:
    .word gdtr - gdt - 1
    .long gdt
hole_gdtr:
    .word 0xff
    .long 0xd0000000
nothing:
    .word 0
    .long 0
zeros_idtr:
    .word 0x7ff
    .long zeros
.balign 8
zeros:
    .fill 256, 8, 0

# Beyond RAM and across its end, the hole of PCI, between devices, over firmware of 64 KiB, where a VGA would be.
holes:
    .long 0x01000000, 0x00fffffe, 0x02000001, 0x7ffffffc, 0x80000000, 0xc0000000, 0xd0000000, 0xdffffffe, 0xe0000003
    .long 0xfd000000, 0xfec01000, 0xfed40000, 0xfed00400, 0xfeffffff, 0xfff00000, 0xfffe0000, 0x000a0000, 0x000b8001
    .long 0
ports:
    .word 0x0010 + 0x100, 0x01f8, 0x0300, 0x0500, 0x0ced, 0x1234, 0x5001, 0x8000, 0xaffe, 0xfffc, 0xfffd, 0xffff, 0
# DMA, PICs, keyboard, port 92, DMA's pages, serial, parallel, IDE, floppy, PCI configuration, fw_cfg, trigger modes.
wides:
    .word 0x0002, 0x0021, 0x00a1, 0x0063, 0x0091, 0x0092, 0x0080, 0x0086, 0x00b1, 0x00b2, 0x00c0, 0x00f0, 0x01f1, 0x01f6
    .word 0x0172, 0x03f1, 0x03f4, 0x03f8, 0x03fc, 0x0378, 0x04cf, 0x04d0, 0x0cf8, 0x0cf9, 0x0cfb, 0x0cfd, 0x050f, 0x0510
    .word 0x0511, 0x0513, 0xae00, 0xae0a, 0xafe0, 0

.org 0xfff0
    .byte 0xea
    .word start - ORIGIN
    .word 0xf000
.org 0x10000
