# A firmware of 64 KiB that goes through modes, privilege levels, gates, tasks and faults, and writes down what it sees.
# A processor that runs it from the reset vector leaves real mode's notes at 600, then records at 30000: six dwords each,
# the first what happened (a vector, or NOTE and a number), the last END. A fault's others: error code, EIP, CS, EFLAGS
# without RF and the arithmetic flags, SS. Assembled for 64 bits, at F0000; tests/support/native-system.ts runs it.
.intel_syntax noprefix

LOG = 0x30000
LOGPTR = 0x2fff0
RESUME = 0x2ffe0
GDT = 0x1000
IDT = 0x2000
LDT = 0x3000
TSS = 0x4000
TSS2 = 0x5000
STACK0 = 0x8000
STACK3 = 0x9000
PAGES = 0x10000
NOTE = 0x100
END = 0xffffffff

CODE0 = 0x08
DATA0 = 0x10
CODE3 = 0x18 + 3
DATA3 = 0x20 + 3
CODE64 = 0x28
CODE16 = 0x30
DATA16 = 0x38
TSSSEL = 0x40
TSSSEL2 = 0x48
LDTSEL = 0x50
SPARE = 0x60
GATE0 = 0x70    # call gate, DPL 3, to CODE0
TASKGATE = 0x78
GATE16 = 0x80   # the same of 16 bits
CODE64U = 0x98 + 3
CONFORM = 0xa0
ABSENT = 0xa8
EXECONLY = 0xb0
READONLY = 0xb8
GATEBAD = 0xc0  # call gate to data
GATE64 = 0xd0   # 16 bytes

.text
.globl _start
_start:

.macro LOGDWORDS a, b=0, c=0, d=0, e=0, f=0
    push ebp
    mov ebp, dword ptr [LOGPTR]
    mov dword ptr [ebp], \a
    mov dword ptr [ebp + 4], \b
    mov dword ptr [ebp + 8], \c
    mov dword ptr [ebp + 12], \d
    mov dword ptr [ebp + 16], \e
    mov dword ptr [ebp + 20], \f
    add ebp, 24
    mov dword ptr [LOGPTR], ebp
    pop ebp
.endm

# An instruction that is to fault; where it does not, that is noted.
.macro FAULTS insn
    mov dword ptr [RESUME], offset 771f
    \insn
    LOGDWORDS NOTE + 0xff, 0, 0, 0, 0, 0
771:
.endm

# ------------------------------------------------------------------ real mode
.code16
real:
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, STACK0
    # no interrupts of devices
    mov al, 0xff
    out 0x21, al
    out 0xa1, al
    # real mode writes its notes to 600
    # INT and IRET
    mov word ptr ds:[0x80 * 4], offset real_handler - 0xf0000
    mov word ptr ds:[0x80 * 4 + 2], 0xf000
    mov di, 0x600
    stc
    sti
    int 0x80
    pushf
    pop ax
    and ax, 0xfd5
    mov ds:[di], ax
    mov ds:[di + 2], sp
    cli
    # far call and return, with parameters, on a 16-bit stack
    push 0x1111
    push 0x2222
    .byte 0x9a
    .word real_far - 0xf0000
    .word 0xf000
    mov ds:[di + 4], sp
    # POPF and PUSHF
    push 0xfcff
    popf
    pushf
    pop ax
    mov ds:[di + 6], ax
    push 0x0002
    popf
    pushf
    pop ax
    mov ds:[di + 8], ax
    smsw ax
    mov ds:[di + 10], ax
    # POPFD does not set VM, RF; ID and AC it does
    pushd 0x00277cd5
    popfd
    pushfd
    pop eax
    mov ds:[di + 12], eax
    pushd 2
    popfd
    # divide error: the fault pushes the address of the instruction
    mov word ptr ds:[0], offset real_divide - 0xf0000
    mov word ptr ds:[2], 0xf000
    xor dx, dx
    xor cx, cx
    mov ax, 5
real_div:
    div cx
    mov ds:[di + 18], bx
    jmp protect

real_handler:
    push bp
    mov bp, sp
    mov ax, ss:[bp + 6]
    mov ds:[0x600 + 32], ax
    mov ax, ss:[bp + 4]
    mov ds:[0x600 + 34], ax
    pushf
    pop ax
    mov ds:[0x600 + 36], ax
    pop bp
    iret
real_far:
    mov bp, sp
    mov ax, ss:[bp + 4]
    mov ds:[0x600 + 38], ax
    retf 4
real_divide:
    mov bp, sp
    mov bx, ss:[bp]
    sub bx, offset real_div - 0xf0000
    add word ptr ss:[bp], 2
    iret

protect:
    # tables into RAM
    mov ax, 0xf000
    mov ds, ax
    mov si, offset gdt_image - 0xf0000
    mov di, GDT
    mov cx, gdt_end - gdt_image
    cld
    rep movsb
    xor ax, ax
    mov ds, ax
    mov dword ptr ds:[0x700], (GDT << 16) | (gdt_end - gdt_image - 1)
    mov word ptr ds:[0x704], GDT >> 16
    mov dword ptr ds:[0x708], (IDT << 16) | 0x2ff
    mov word ptr ds:[0x70c], IDT >> 16
    lgdt ds:[0x700]
    lidt ds:[0x708]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea
    .long protected
    .word CODE0

# ------------------------------------------------------------------ protected mode
.code32
.macro STUB n, hascode=0
stub\n:
    .if \hascode == 0
    push 0
    .endif
    push \n
    jmp fault
    .balign 16
.endm
    .balign 16
stubs:
    STUB 0
    STUB 1
    STUB 2
    STUB 3
    STUB 4
    STUB 5
    STUB 6
    STUB 7
    STUB 8, 1
    STUB 9
    STUB 10, 1
    STUB 11, 1
    STUB 12, 1
    STUB 13, 1
    STUB 14, 1
    STUB 15
    STUB 16
    STUB 17, 1
    STUB 18
    STUB 19

# [esp]: vector, code, eip, cs, eflags, and from outer levels esp, ss
fault:
    push eax
    push ecx
    mov eax, DATA0
    mov ds, ax
    mov es, ax
    mov ecx, [LOGPTR]
    mov eax, [esp + 8]
    mov [ecx], eax
    mov eax, [esp + 12]
    mov [ecx + 4], eax
    mov eax, [esp + 16]
    mov [ecx + 8], eax
    movzx eax, word ptr [esp + 20]
    mov [ecx + 12], eax
    mov eax, [esp + 24]
    and eax, 0xfffef72a # RF and the arithmetic flags apart
    mov [ecx + 16], eax
    mov eax, ss
    mov [ecx + 20], eax
    add ecx, 24
    mov [LOGPTR], ecx
    mov eax, DATA0
    mov ss, ax
    mov esp, STACK0
    push 2
    popf
    jmp dword ptr [RESUME]

protected:
    mov eax, DATA0
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    mov esp, STACK0
    mov dword ptr [LOGPTR], LOG
    # IDT: 20 interrupt gates, then what tests need
    mov edi, IDT
    mov eax, offset stubs
    mov ecx, 20
1:  mov edx, eax
    and edx, 0xffff
    or edx, CODE0 << 16
    mov [edi], edx
    mov edx, eax
    and edx, 0xffff0000
    or edx, 0x8e00
    mov [edi + 4], edx
    add edi, 8
    add eax, 16
    loop 1b
    # LDT with one data segment
    mov dword ptr [LDT + 8], 0x0000ffff
    mov dword ptr [LDT + 12], 0x00cf9200
    # TSS: stacks, ports 60 to 67 allowed
    mov edi, TSS
    xor eax, eax
    mov ecx, 0x100
    rep stosd
    mov dword ptr [TSS + 4], STACK0 - 0x400
    mov dword ptr [TSS + 8], DATA0
    mov word ptr [TSS + 0x66], 0x68
    mov edi, TSS + 0x68
    mov ecx, 0x20
    mov eax, 0xffffffff
    rep stosd
    mov byte ptr [TSS + 0x68 + 0xc], 0
    # the tables' instructions
    FAULTS "mov ax, TSSSEL2 + 0x800; ltr ax"
    FAULTS "mov ax, DATA0; ltr ax"
    FAULTS "mov ax, DATA0; lldt ax"
    FAULTS "mov ax, LDTSEL + 4; lldt ax"
    mov ax, LDTSEL
    lldt ax
    mov ax, TSSSEL
    ltr ax
    xor eax, eax
    xor ecx, ecx
    str ax
    sldt cx
    LOGDWORDS NOTE + 1, eax, ecx, 0, 0, 0
    mov eax, [GDT + TSSSEL + 4]
    LOGDWORDS NOTE + 2, eax, 0, 0, 0, 0
    FAULTS "mov ax, TSSSEL; ltr ax"

    # segment registers
    mov ax, 0x0c
    mov ds, ax
    mov eax, [LDT + 12]
    mov bx, DATA0
    mov ds, bx
    LOGDWORDS NOTE + 3, eax, 0, 0, 0, 0
    FAULTS "mov ax, 0x14; mov ds, ax"
    FAULTS "mov ax, 0xf000; mov es, ax"
    FAULTS "mov ax, TSSSEL; mov ds, ax"
    FAULTS "mov ax, EXECONLY; mov ds, ax"
    FAULTS "mov ax, ABSENT; mov ds, ax"
    FAULTS "mov ax, ABSENT; mov ss, ax"
    FAULTS "mov ax, READONLY; mov ss, ax"
    FAULTS "mov ax, DATA3; mov ss, ax"
    FAULTS "mov ax, DATA0 + 1; mov ss, ax"
    FAULTS "mov ax, CODE0; mov ss, ax"
    FAULTS "xor eax, eax; mov ss, ax"
    FAULTS "mov ax, DATA0 + 3; mov ds, ax"
    xor eax, eax
    mov gs, ax
    mov ax, CONFORM
    mov gs, ax
    mov eax, gs
    LOGDWORDS NOTE + 4, eax, 0, 0, 0, 0

    # LAR, LSL, VERR, VERW
    mov esi, 0
2:  xor eax, eax
    mov ax, [queries + esi]
    xor ecx, ecx
    mov ecx, 0xabcd1234
    lar ecx, eax
    setz bl
    mov edx, 0xabcd1234
    lsl edx, eax
    setz bh
    verr ax
    setz byte ptr [0x720]
    verw ax
    setz byte ptr [0x721]
    movzx ebx, bx
    movzx edi, word ptr [0x720]
    push eax
    LOGDWORDS NOTE + 5, eax, ecx, edx, ebx, edi
    pop eax
    add esi, 2
    cmp esi, queries_end - queries
    jb 2b
    # ARPL
    mov ax, 0x10
    mov cx, 0x13
    arpl ax, cx
    setz bl
    movzx eax, ax
    movzx ebx, bl
    LOGDWORDS NOTE + 6, eax, ebx, 0, 0, 0

    # far jumps and calls
    FAULTS ".byte 0xea; .long 0; .word 0"
    FAULTS ".byte 0xea; .long 0; .word DATA0"
    FAULTS ".byte 0xea; .long 0; .word CODE3"
    FAULTS ".byte 0xea; .long 0; .word CODE0 + 3"
    FAULTS ".byte 0xea; .long 0; .word ABSENT"
    FAULTS ".byte 0xea; .long 0x200000; .word CODE16"
    FAULTS ".byte 0xea; .long 0; .word GATEBAD"
    FAULTS ".byte 0xea; .long 0; .word LDTSEL"
    FAULTS ".byte 0xea; .long 0; .word TSSSEL"
    FAULTS ".byte 0x9a; .long 0; .word TSSSEL"
    FAULTS ".byte 0x9a; .long 0; .word DATA0"
    FAULTS ".byte 0x9a; .long 0; .word 0xf000"
    .byte 0xea
    .long 3f
    .word CONFORM
3:  mov eax, cs
    .byte 0xea
    .long 4f
    .word CODE0
4:  LOGDWORDS NOTE + 7, eax, esp, 0, 0, 0
    .byte 0x9a
    .long far_return
    .word CODE0
    LOGDWORDS NOTE + 8, eax, esp, 0, 0, 0
    .byte 0x9a
    .long 0
    .word GATE0
    LOGDWORDS NOTE + 9, eax, esp, ecx, 0, 0
    # a return to what it may not be
    FAULTS "push DATA0; push 0; retf"
    FAULTS "push 0; push 0; retf"
    FAULTS "push 0; push 0x100; push CODE3; push 0; retf"
    FAULTS "push DATA0; push 0x100; push CODE3; push 0; retf"

    # interrupts
    mov dword ptr [IDT + 0x30 * 8], (CODE0 << 16) | 0
    mov dword ptr [IDT + 0x30 * 8 + 4], 0x0e00
    FAULTS "int 0x30"
    mov dword ptr [IDT + 0x30 * 8 + 4], 0x8c00
    FAULTS "int 0x30"
    FAULTS "int 0x60"
    mov dword ptr [IDT + 0x30 * 8], 0
    mov dword ptr [IDT + 0x30 * 8 + 4], 0x8e00
    FAULTS "int 0x30"
    mov dword ptr [IDT + 0x30 * 8], DATA0 << 16
    FAULTS "int 0x30"
    mov dword ptr [IDT + 0x30 * 8], CODE3 << 16
    FAULTS "int 0x30"
    # one that returns: flags on the way
    mov eax, offset int_handler
    mov edx, eax
    and eax, 0xffff
    or eax, CODE0 << 16
    and edx, 0xffff0000
    or edx, 0xef00
    mov [IDT + 0x31 * 8], eax
    mov [IDT + 0x31 * 8 + 4], edx
    sti
    stc
    int 0x31
    pushf
    pop eax
    cli
    and eax, 0xfd5
    LOGDWORDS NOTE + 10, eax, ecx, esp, 0, 0
    FAULTS "int3"
    FAULTS "xor eax, eax; mov dl, 0x7f; add dl, 1; into"
    FAULTS "ud2"
    FAULTS "xor ecx, ecx; xor edx, edx; div ecx"
    # IRET
    FAULTS "pushf; push 0; push 0; iret"
    FAULTS "pushf; push DATA0; push 0; iret"
    FAULTS "push DATA0; push 0; pushf; push CODE3; push 0; iret"

    # user mode
    mov dword ptr [RESUME], offset user_done
    push DATA3
    push STACK3
    push 0x3202 # IOPL 3, IF
    push CODE3
    push offset user_iopl3
    iret
user_done:
    push DATA3
    push STACK3
    push 2
    push CODE3
    push offset user
    iret
user_iopl3:
    # with IOPL 3: CLI, STI, ports, POPF of IF, not of IOPL
    cli
    sti
    in al, 0x80
    push 0x0002
    popf
    pushf
    pop eax
    mov dword ptr [0x730], eax
    hlt

# Each step of user code faults; the kernel notes it and goes on with the next.
user:
    mov eax, DATA3
    mov ds, ax
    mov eax, [0x730]
    jmp user_first
.macro STEP insn
    mov dword ptr [RESUME], offset 772f
    jmp 773f
772:push DATA3
    push STACK3
    push 2
    push CODE3
    push offset 774f
    iret
773:\insn
    .byte 0x0f, 0x0b
774:mov eax, DATA3
    mov ds, ax
    mov es, ax
.endm
user_first:
    STEP "cli"
    STEP "sti"
    STEP "hlt"
    STEP "mov eax, cr0"
    STEP "mov cr3, eax"
    STEP "lgdt [0x700]"
    STEP "lmsw ax"
    STEP "clts"
    STEP "invlpg [0]"
    STEP "mov eax, dr7"
    STEP "rdmsr"
    STEP "wrmsr"
    STEP "in al, 0x80"
    STEP "in ax, 0x67"
    STEP "in al, 0x64"
    STEP "mov dx, 0x3f8; out dx, al"
    STEP "mov ax, DATA0; mov ds, ax"
    STEP "mov ax, CODE0; mov ds, ax"
    STEP "mov ax, DATA0 + 3; mov ss, ax"
    STEP "int 0x30"
    STEP "int 0x0d"
    STEP "int 0x31"
    STEP ".byte 0xea; .long 0; .word CODE0"
    STEP ".byte 0xea; .long 0; .word GATE0 + 3"
    STEP ".byte 0x9a; .long 0; .word GATEBAD + 3"
    STEP "push CODE0; push 0; retf"
    STEP "pushd 0x3202; popf; pushf; pop eax; mov [0x734], eax; ud2"
    STEP "ltr ax"
    STEP "lldt ax"
    STEP "sysexit"
    STEP "sgdt [0x740]"
    STEP "smsw eax"
    STEP "mov ax, DATA3; mov gs, ax; mov ax, 0; mov gs, ax"
    # call gates: parameters, registers, and back
    mov dword ptr [RESUME], offset kernel_again
    push 0x1234
    push 0x5678
    .byte 0x9a
    .long 0
    .word GATE0 + 3
    mov dword ptr [0x750], esp
    mov dword ptr [0x754], eax
    mov dword ptr [0x758], ecx
    mov eax, ds
    mov dword ptr [0x75c], eax
    .byte 0x9a
    .long 0
    .word GATE16 + 3
    mov dword ptr [0x760], esp
    ud2
kernel_again:
    LOGDWORDS NOTE + 11, 0, 0, 0, 0, 0
    mov esi, 0x730
    mov ecx, 16
5:  mov eax, [esi]
    LOGDWORDS NOTE + 12, eax, 0, 0, 0, 0
    add esi, 4
    loop 5b

    # an inner stack that is none
    mov dword ptr [TSS + 8], 0
    mov dword ptr [IDT + 8 * 8 + 4], 0x8500 # double faults by task
    mov dword ptr [IDT + 8 * 8], TSSSEL2 << 16
    call fill_tss2
    mov dword ptr [TSS2 + 0x20], offset double_fault
    push DATA3
    push STACK3
    push 2
    push CODE3
    push offset user_breaks
    iret
user_breaks:
    ud2
double_fault:
    # back in the kernel, in another task, the code of the double fault on its stack
    pop eax
    xor ecx, ecx
    str cx
    pushf
    pop edx
    and edx, 0x7000
    movzx ebx, word ptr [TSS2]
    LOGDWORDS NOTE + 13, eax, ecx, edx, ebx, 0
    mov dword ptr [TSS + 8], DATA0
    mov eax, [GDT + TSSSEL + 4]
    mov ecx, [GDT + TSSSEL2 + 4]
    mov edx, cr0
    LOGDWORDS NOTE + 14, eax, ecx, edx, 0, 0
    mov eax, [TSS + 0x4c] # where the other was: at user level
    mov ecx, [TSS + 0x24]
    and ecx, 0xfffeffff
    LOGDWORDS NOTE + 15, eax, ecx, 0, 0, 0
    # a task of our own again: CALL and IRET
    mov dword ptr [GDT + TSSSEL + 4], 0x00008900
    pushf
    and dword ptr [esp], 0xffffbfff
    popf
    call fill_tss1
    mov dword ptr [TSS + 0x20], offset other_task
    .byte 0x9a
    .long 0
    .word TASKGATE
    xor ecx, ecx
    str cx
    pushf
    pop edx
    and edx, 0x7000
    LOGDWORDS NOTE + 16, eax, ecx, edx, esp, 0
    clts
    # JMP: for good
    mov dword ptr [TSS + 0x20], offset jumped
    .byte 0xea
    .long 0
    .word TSSSEL
other_task:
    xor ecx, ecx
    str cx
    pushf
    pop edx
    and edx, 0x7000
    LOGDWORDS NOTE + 17, eax, ecx, edx, esp, 0
    iret
    LOGDWORDS NOTE + 18, eax, 0, 0, 0, 0
jumped:
    mov eax, [GDT + TSSSEL + 4]
    mov ecx, [GDT + TSSSEL2 + 4]
    LOGDWORDS NOTE + 19, eax, ecx, 0, 0, 0
    # a task whose segments are wrong faults in that task
    call fill_tss2
    mov dword ptr [TSS2 + 0x20], offset jumped
    mov dword ptr [TSS2 + 0x54], ABSENT
    mov dword ptr [IDT + 8 * 8], (CODE0 << 16) | ((stub8 - _start) & 0xffff)
    mov dword ptr [IDT + 8 * 8 + 4], 0x000f8e00
    FAULTS ".byte 0xea; .long 0; .word TSSSEL2"
    xor ecx, ecx
    str cx
    LOGDWORDS NOTE + 20, ecx, 0, 0, 0, 0
    clts

    # virtual-8086 mode: code at 0 of 1000, then as the kernel says
    mov dword ptr [TSS2 + 4], STACK0 - 0x400
    mov dword ptr [TSS2 + 8], DATA0
    mov word ptr [TSS2 + 0x66], 0x68
.macro VM86 flags, insn
    mov dword ptr [RESUME], offset 776f
    mov esi, offset 775f
    mov edi, 0x7800
    mov ecx, 32
    rep movsb
    push 0x700
    push 0x600
    push 0x500
    push 0x400
    push 0x300
    push 0x100
    push \flags
    push 0x780
    push 0
    iret
775:.code16
    \insn
    ud2
    .code32
    .balign 32
776:
.endm
    VM86 0x23002, "int 0x31"
    VM86 0x23002, "int 0x30"
    VM86 0x20002, "int 0x31"
    VM86 0x20002, "pushf"
    VM86 0x20002, "popf"
    VM86 0x20002, "iret"
    VM86 0x20002, "cli"
    VM86 0x23002, "cli"
    VM86 0x23002, "pushf; pop ax; mov bx, cs; mov ds, ax; mov ax, ds"
    VM86 0x23002, "hlt"
    VM86 0x23002, "mov eax, cr0"
    VM86 0x23002, "in al, 0x80"
    VM86 0x23002, ".byte 0x0f, 0x00, 0xc0"
    VM86 0x23002, ".byte 0x0f, 0x02, 0xc0"
    VM86 0x20002, "int3"
    VM86 0x23002, "push 0x2; push 0x780; push 0x8; iret"

    # debug traps: TF
    mov dword ptr [RESUME], offset 8f
    pushf
    or dword ptr [esp], 0x100
    popf
    nop
    nop
8:  mov eax, dr6
    LOGDWORDS NOTE + 21, eax, 0, 0, 0, 0
    # a code breakpoint, a write watched, a port watched
    mov eax, offset 9f
    mov dr0, eax
    mov eax, 0x402
    mov dr7, eax
    mov dword ptr [RESUME], offset 10f
9:  nop
10: mov eax, dr6
    and eax, 0xe00f
    LOGDWORDS NOTE + 22, eax, 0, 0, 0, 0
    mov eax, 0x790
    mov dr1, eax
    mov eax, 0x00d00408
    mov dr7, eax
    mov dword ptr [RESUME], offset 11f
    mov dword ptr [0x790], 5
    nop
11: mov eax, dr6
    and eax, 0xe00f
    LOGDWORDS NOTE + 23, eax, 0, 0, 0, 0
    mov eax, cr4
    or eax, 8
    mov cr4, eax
    mov eax, 0x60
    mov dr2, eax
    mov eax, 0x02000420
    mov dr7, eax
    mov dword ptr [RESUME], offset 12f
    out 0x60, al
    nop
12: mov eax, dr6
    and eax, 0xe00f
    LOGDWORDS NOTE + 24, eax, 0, 0, 0, 0
    FAULTS "mov eax, dr4"
    mov eax, 0x400
    mov dr7, eax
    jmp long_mode

far_return:
    mov eax, [esp + 4]
    retf
int_handler:
    pushf
    pop ecx
    and ecx, 0x7fd5
    iret
fill_tss1:
    mov edi, TSS
    jmp 6f
fill_tss2:
    mov edi, TSS2
6:  push edi
    mov ecx, 0x19
    xor eax, eax
    rep stosd
    pop edi
    mov dword ptr [edi + 4], STACK0 - 0x400
    mov dword ptr [edi + 8], DATA0
    mov dword ptr [edi + 0x24], 2
    mov dword ptr [edi + 0x28], 0xaaaa
    mov dword ptr [edi + 0x38], STACK0 - 0x800
    mov dword ptr [edi + 0x48], DATA0
    mov dword ptr [edi + 0x4c], CODE0
    mov dword ptr [edi + 0x50], DATA0
    mov dword ptr [edi + 0x54], DATA0
    ret
# behind the call gates: stack pointer, parameters and CS of the caller
gate_target:
    mov eax, [esp + 8]
    mov ecx, [esp + 4]
    retf 8
gate_target16:
    retf # 16 bits, as the segment

# ------------------------------------------------------------------ long mode
# 1 GiB mapped to itself by 2 MiB pages, all of it for users too; the second 2 MiB are absent.
long_mode:
    mov edi, PAGES
    xor eax, eax
    mov ecx, 0xc00
    rep stosd
    mov dword ptr [PAGES], PAGES + 0x1007
    mov dword ptr [PAGES + 0x1000], PAGES + 0x2007
    mov edi, PAGES + 0x2000
    mov eax, 0x87
    mov ecx, 512
7:  mov [edi], eax
    add eax, 0x200000
    add edi, 8
    loop 7b
    mov dword ptr [PAGES + 0x2008], 0
    mov eax, PAGES
    mov cr3, eax
    mov eax, 0x20
    mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x101
    wrmsr
    rdmsr
    LOGDWORDS NOTE + 30, eax, edx, 0, 0, 0
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    rdmsr
    LOGDWORDS NOTE + 31, eax, edx, 0, 0, 0
    .byte 0xea
    .long start64
    .word CODE64

.code64
.macro STUB64 n, hascode=0
    .if \hascode == 0
    push 0
    .endif
    push \n
    jmp fault64
    .balign 16
.endm
    .balign 16
stubs64:
    STUB64 0
    STUB64 1
    STUB64 2
    STUB64 3
    STUB64 4
    STUB64 5
    STUB64 6
    STUB64 7
    STUB64 8, 1
    STUB64 9
    STUB64 10, 1
    STUB64 11, 1
    STUB64 12, 1
    STUB64 13, 1
    STUB64 14, 1
    STUB64 15
    STUB64 16
    STUB64 17, 1
    STUB64 18
    STUB64 19
.macro NOTE64 n, a=0, b=0, c=0, d=0, e=0
    push rbp
    mov rbp, [LOGPTR]
    mov dword ptr [rbp], NOTE + \n
    mov dword ptr [rbp + 4], \a
    mov dword ptr [rbp + 8], \b
    mov dword ptr [rbp + 12], \c
    mov dword ptr [rbp + 16], \d
    mov dword ptr [rbp + 20], \e
    add rbp, 24
    mov [LOGPTR], rbp
    pop rbp
.endm
.macro FAULTS64 insn
    mov qword ptr [RESUME], offset 781f
    \insn
    NOTE64 0xff
781:
.endm
# [rsp]: vector, code, rip, cs, rflags, rsp, ss
fault64:
    push rax
    push rcx
    mov rcx, [LOGPTR]
    mov rax, [rsp + 16]
    mov [rcx], eax
    mov rax, [rsp + 24]
    mov [rcx + 4], eax
    mov rax, [rsp + 32]
    mov [rcx + 8], eax
    mov rax, [rsp + 40]
    mov [rcx + 12], ax
    mov ax, ss
    mov [rcx + 14], ax
    mov rax, [rsp + 48]
    and eax, 0xfffef72a
    mov [rcx + 16], eax
    mov rax, [rsp + 64]
    mov [rcx + 20], ax
    mov eax, esp
    mov [rcx + 22], ax
    add rcx, 24
    mov [LOGPTR], rcx
    mov eax, DATA0
    mov ss, eax
    mov rsp, STACK0
    push 2
    popfq
    jmp qword ptr [RESUME]

start64:
    mov eax, DATA0
    mov ss, eax
    mov ds, eax
    mov es, eax
    mov rsp, STACK0
    mov edi, IDT
    mov ecx, 0x300 / 4
    xor eax, eax
    rep stosd
    mov edi, IDT
    mov eax, offset stubs64
    mov ecx, 20
1:  mov edx, eax
    and edx, 0xffff
    or edx, CODE64 << 16
    mov [rdi], edx
    mov edx, eax
    and edx, 0xffff0000
    or edx, 0x8e00
    mov [rdi + 4], edx
    add edi, 16
    add eax, 16
    loop 1b
    # 64-bit TSS: RSP0, IST1; its descriptor, and the LDT's, take 16 bytes
    mov edi, TSS
    mov ecx, 0x1a
    xor eax, eax
    rep stosd
    mov qword ptr [TSS + 4], STACK0 - 0x400
    mov qword ptr [TSS + 0x24], STACK0 - 0x1000
    mov word ptr [TSS + 0x66], 0x68
    mov qword ptr [GDT + TSSSEL], (TSS << 16) | 0x8f
    mov dword ptr [GDT + TSSSEL + 4], 0x00008900
    mov qword ptr [GDT + TSSSEL + 8], 0
    mov ax, TSSSEL
    ltr ax
    mov eax, [GDT + TSSSEL + 4]
    NOTE64 32, eax
    # a stack of their own for vectors 6, 8, 12 and 13
    mov byte ptr [IDT + 6 * 16 + 4], 1
    mov byte ptr [IDT + 8 * 16 + 4], 1
    mov byte ptr [IDT + 12 * 16 + 4], 1
    mov byte ptr [IDT + 13 * 16 + 4], 1

    FAULTS64 "ud2"
    FAULTS64 "mov eax, [0x200000]"
    mov rax, cr2
    NOTE64 33, eax
    FAULTS64 "mov rax, 0x800000000000; mov rax, [rax]"
    FAULTS64 "mov rax, 0x800000000010; mov rsp, rax; push rax"
    FAULTS64 "int 0x29"
    FAULTS64 "int 0x30"
    FAULTS64 "xor eax, eax; div eax"
    FAULTS64 "mov ax, ABSENT; mov ds, ax"
    xor eax, eax
    mov ss, eax
    mov rcx, rsp
    NOTE64 34, ecx
    # null SS with an interrupt, at the same level
    FAULTS64 "int3"
    FAULTS64 "push 0; push 0; retfq"
    FAULTS64 "mov eax, DATA3; push rax; push STACK3; push 2; push CODE64; push 0; iretq"
    FAULTS64 "push 0; push STACK3; push 2; push CODE64U; push 0; iretq"
    # system calls
    mov ecx, 0xc0000081
    xor eax, eax
    mov edx, ((CODE64U - 16) << 16) | CODE64
    wrmsr
    mov ecx, 0xc0000082
    mov eax, offset syscall_entry
    xor edx, edx
    wrmsr
    mov ecx, 0xc0000084
    mov eax, 0x4702 ^ 2
    wrmsr
    mov ecx, 0xc0000102
    mov eax, 0x12345678
    mov edx, 0xffff8000
    wrmsr
    swapgs
    mov ecx, 0xc0000101
    rdmsr
    NOTE64 35, eax, edx
    swapgs
    # to user mode, and from there by SYSCALL
    mov qword ptr [RESUME], offset user64_faulted
    push DATA3
    push STACK3
    push 0x4602 ^ 0x4000
    push CODE64U
    push offset user64
    iretq
user64:
    mov eax, ss
    mov ebx, cs
    syscall
user64_next:
    mov r12d, ss
    mov r13d, cs
    pushfq
    pop r14
    hlt
user64_faulted:
    NOTE64 36, r12d, r13d, r14d
    # compatibility mode, and its SYSCALL is AMD's
    mov qword ptr [RESUME], offset compat_faulted
    push DATA3
    push STACK3
    push 2
    push CODE3
    push offset compat
    iretq
.code32
compat:
    mov eax, DATA3
    mov ds, eax
    mov eax, cs
    mov [0x7a0], eax
    mov [0x7a4], esp
    int 0x29
.code64
compat_faulted:
    mov eax, [0x7a0]
    mov ecx, [0x7a4]
    NOTE64 37, eax, ecx
    # a 64-bit call gate from user mode
    mov qword ptr [RESUME], offset gate64_done
    push DATA3
    push STACK3
    push 2
    push CODE64U
    push offset user64_gate
    iretq
user64_gate:
    push GATE64 + 3
    push 0
    rex.w call fword ptr [rsp]
    mov r12, rsp
    ud2
gate64_done:
    NOTE64 38, r12d, r13d, r14d
    # NMI-like returns and single steps
    mov qword ptr [RESUME], offset 2f
    pushfq
    or dword ptr [rsp], 0x100
    popfq
    nop
2:  FAULTS64 "pushfq; or dword ptr [rsp], 0x4000; popfq; mov eax, DATA0; push rax; push STACK0; push 2; push CODE64; push 0; iretq"
    # double fault: a gate that is not there while another exception is delivered
    mov byte ptr [IDT + 14 * 16 + 5], 0
    FAULTS64 "mov eax, [0x200000]"
    mov byte ptr [IDT + 14 * 16 + 5], 0x8e
    # stacks that fault
    mov qword ptr [TSS + 4], 0x300000
    push DATA3
    push STACK3
    push 2
    push CODE64U
    push offset user64_dies
    mov qword ptr [RESUME], offset 3f
    iretq
user64_dies:
    xor eax, eax
    div eax
3:  mov rax, cr2
    NOTE64 39, eax
    # leave long mode by compatibility mode
    push CODE0
    push offset leave
    rex.w retf
.code32
leave:
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov ecx, 0xc0000080
    rdmsr
    LOGDWORDS NOTE + 40, eax, 0, 0, 0, 0
    mov eax, [LOGPTR]
    mov dword ptr [eax], END
    out 0xf4, al # isa-debug-exit
13: hlt
    jmp 13b

.code64
syscall_entry:
    mov r12d, ss
    mov r13d, cs
    pushfq
    pop r14
    mov rsp, STACK0
    NOTE64 41, ecx, r11d, r12d, r13d, r14d
    NOTE64 42, eax, ebx
    mov rsp, STACK3
    sysretq
gate64_target:
    mov r13, [rsp + 16]
    mov r14d, cs
    retfq

queries:
    .word 0, CODE0, DATA0, CODE3, DATA3, CODE64, CODE16, TSSSEL, TSSSEL2, LDTSEL, GATE0, TASKGATE, GATE16
    .word CONFORM, ABSENT, EXECONLY, READONLY, 0xf000, 0x0c, 0x14, DATA0 + 3, CODE0 + 3, CONFORM + 3
queries_end:

    .balign 16
gdt_image:
    .quad 0
    .quad 0x00cf9b000000ffff # 08
    .quad 0x00cf93000000ffff # 10
    .quad 0x00cffb000000ffff # 18
    .quad 0x00cff3000000ffff # 20
    .quad 0x00209b0000000000 # 28
    .quad 0x000f9b0f0000ffff # 30 16-bit code
    .quad 0x000093000000ffff # 38
    .quad 0x0000890040000000 | 0x1ff # 40
    .quad 0x0000890050000000 | 0x67 # 48
    .quad 0x0000820030000000 | 0x0f # 50
    .quad 0
    .quad 0 # 60
    .quad 0
    .word (gate_target - _start) & 0xffff, CODE0, 0xec02, 0x000f # 70
    .word 0, TSSSEL, 0xe500, 0 # 78
    .word (gate_target16 - _start) & 0xffff, CODE16, 0xe400, 0 # 80
    .quad 0
    .quad 0 # 90
    .quad 0x0020fb0000000000 # 98
    .quad 0x00cf9f000000ffff # a0
    .quad 0x00cf13000000ffff # a8
    .quad 0x00cf99000000ffff # b0
    .quad 0x00cf91000000ffff # b8
    .word 0, DATA0, 0xec00, 0 # c0
    .quad 0
    .word (gate64_target - _start) & 0xffff, CODE64, 0xec00, 0x000f # d0
    .quad 0
gdt_end:

    .org 0xfff0
.code16
    .byte 0xea
    .word real - 0xf0000
    .word 0xf000
    .org 0x10000
