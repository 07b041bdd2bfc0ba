# A firmware of 64 KiB that reads and writes ports at random, for ever: any of them, or those of the list behind LIST,
# which tests/support/firmware.ts fills in. Where its generator stands lies in RAM, so that a reset does not repeat it. It
# stays where the reset vector is: nothing of the chipset hides that.
.intel_syntax noprefix
.code16

STATE = 0x500
IRET = 0x600
STACK = 0x7000
LIST = 0x8000
LIST_MASK = 0x3ff

.text
.globl _start
_start:
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, STACK
    # Interrupts and SMM return at once.
    mov byte ptr [IRET], 0xcf
    xor di, di
    mov cx, 256
1:  mov dword ptr [di], IRET
    add di, 4
    loop 1b
    mov ax, 0x3000
    mov es, ax
    mov word ptr es:[0x8000], 0xaa0f
    cmp dword ptr [STATE], 0
    jne noise
    mov eax, cs:[LIST - 4]
    mov [STATE], eax

noise:
    # xorshift
    mov eax, [STATE]
    mov ebx, eax
    shl ebx, 13
    xor eax, ebx
    mov ebx, eax
    shr ebx, 17
    xor eax, ebx
    mov ebx, eax
    shl ebx, 5
    xor eax, ebx
    mov [STATE], eax
    mov dx, ax
    test eax, eax
    js 2f
    mov bx, ax
    and bx, LIST_MASK
    shl bx, 1
    mov dx, cs:[bx + LIST]
2:  mov ecx, eax
    shr ecx, 16
    and cl, 7
    imul eax, eax, 0x9e3779b1
    ror eax, 11
    cmp cl, 0
    je read1
    cmp cl, 1
    je read2
    cmp cl, 2
    je read4
    cmp cl, 3
    je write1
    cmp cl, 4
    je write2
    cmp cl, 5
    je write4
    # Commands are small as a rule.
    and al, 0x1f
write1:
    out dx, al
    jmp noise
write2:
    out dx, ax
    jmp noise
write4:
    out dx, eax
    jmp noise
read1:
    in al, dx
    jmp noise
read2:
    in ax, dx
    jmp noise
read4:
    in eax, dx
    jmp noise

.org 0xfff0
    jmp _start
.org 0x10000
