#!/bin/sh
# Builds guests/workload.bin from guests/workload with Debian's gcc and binutils. The same gcc gives the same bytes.
# Also makes workload.elf with symbols and debugging information, for gdb; in .cache/guests unless ELF names a file.
set -eu
cd "$(dirname "$0")"
CC=${CC:-gcc}
OUT=${OUT:-workload.bin}
ELF=${ELF:-../.cache/guests/workload.elf}
mkdir -p "$(dirname "$ELF")"

# No vector registers and no red zone (interrupts run on the same stack), addresses in the top 2 GiB, nothing but ours.
"$CC" -std=c11 -g -Os -Wall -Wextra -Werror -ffreestanding -fno-pic -no-pie -mno-red-zone -mgeneral-regs-only \
  -mcmodel=kernel -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-ident \
  -fno-tree-loop-distribute-patterns \
  -nostdlib -static -Wl,--build-id=none,-z,noexecstack,-z,max-page-size=4096 -T workload/workload.ld \
  workload/boot.S workload/interrupts.S workload/*.c -o "$ELF"
objcopy -O binary "$ELF" "$OUT"

echo "$OUT: $(stat -c %s "$OUT") bytes, $(size -A -d "$ELF" | awk '/^\.(text|rodata|data) /{n+=$2} END{print n}') of them in use"
