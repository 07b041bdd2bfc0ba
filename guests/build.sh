#!/bin/sh
# Builds guests/workload.bin from guests/workload, and guests/dirty from guests/linux, with Debian's gcc and binutils. The
# same gcc gives the same bytes.
# Also makes workload.elf with symbols and debugging information, for gdb; in .cache/guests unless ELF names a file.
set -eu
cd "$(dirname "$0")"
CC=${CC:-gcc}
OUT=${OUT:-workload.bin}
ELF=${ELF:-../.cache/guests/workload.elf}
DIRTY=${DIRTY:-dirty}
mkdir -p "$(dirname "$ELF")"

# Nothing but ours, at fixed addresses, without vector registers.
freestanding() {
  "$CC" -std=c11 -Os -Wall -Wextra -Werror -ffreestanding -fno-pic -no-pie -mgeneral-regs-only -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fcf-protection=none -fno-ident -fno-tree-loop-distribute-patterns \
    -nostdlib -static -Wl,--build-id=none,-z,noexecstack "$@"
}

# Interrupts run on the same stack: no red zone. Addresses in the top 2 GiB.
freestanding -g -mno-red-zone -mcmodel=kernel -Wl,-z,max-page-size=4096 -T workload/workload.ld \
  workload/boot.S workload/interrupts.S workload/*.c -o "$ELF"
objcopy -O binary "$ELF" "$OUT"

echo "$OUT: $(stat -c %s "$OUT") bytes, $(size -A -d "$ELF" | awk '/^\.(text|rodata|data) /{n+=$2} END{print n}') of them in use"

freestanding -s -Wl,-z,noseparate-code linux/dirty.c workload/string.c -o "$DIRTY"
echo "$DIRTY: $(stat -c %s "$DIRTY") bytes"
