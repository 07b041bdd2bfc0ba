#!/bin/sh
# Builds guests/workload.bin from guests/workload with Debian's gcc and binutils. The same gcc gives the same bytes.
# Beside it, in .cache/guests: workload.elf with debugging information, for gdb.
set -eu
cd "$(dirname "$0")"
CC=${CC:-gcc}
out=${OUT:-workload.bin}
cache=../.cache/guests
mkdir -p "$cache"

# No vector registers and no red zone (interrupts run on the same stack), addresses in the top 2 GiB, nothing but ours.
# shellcheck disable=SC2086
"$CC" -std=c11 -g -Os -Wall -Wextra -Werror -ffreestanding -fno-pic -no-pie -mno-red-zone -mgeneral-regs-only \
  -mcmodel=kernel -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-ident \
  -fno-tree-loop-distribute-patterns \
  -nostdlib -static -Wl,--build-id=none,-z,noexecstack,-z,max-page-size=4096 -T workload/workload.ld \
  workload/boot.S workload/interrupts.S workload/*.c -o "$cache/workload.elf"
objcopy -O binary "$cache/workload.elf" "$out"

echo "$out: $(stat -c %s "$out") bytes, $(size -A -d "$cache/workload.elf" | awk '/^\.(text|rodata|data) /{n+=$2} END{print n}') of them in use"
