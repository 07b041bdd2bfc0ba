# Entry points of the interrupt vectors. Each brings the stack to the same shape, struct frame of interrupts.c.

  .text
  .balign 16
  .globl vector_entries
vector_entries:                     # 16 bytes each
  .set vector, 0
  .rept 64
  .balign 16
  # Vectors 8, 10 to 14, 17, 21, 29 and 30 push an error code themselves (SDM 3A table 6-1; APM 2 table 8-1).
  .if vector >= 32 || !(0x60227d00 >> vector & 1)
  push $0
  .endif
  push $vector
  jmp save_and_call
  .set vector, vector + 1
  .endr

save_and_call:
  push %rax
  push %rbx
  push %rcx
  push %rdx
  push %rsi
  push %rdi
  push %rbp
  push %r8
  push %r9
  push %r10
  push %r11
  push %r12
  push %r13
  push %r14
  push %r15
  cld
  mov %rsp, %rdi
  mov %rsp, %rbx
  and $-16, %rsp
  call interrupt
  mov %rbx, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %r11
  pop %r10
  pop %r9
  pop %r8
  pop %rbp
  pop %rdi
  pop %rsi
  pop %rdx
  pop %rcx
  pop %rbx
  pop %rax
  add $16, %rsp
  iretq

  .section .note.GNU-stack, "", @progbits
