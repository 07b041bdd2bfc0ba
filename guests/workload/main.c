// The workload guest: start everything, then answer the prompt and do the dirty work until there is nothing to do.
#include "workload.h"

void main(void) {
  memory_init();
  interrupts_init();
  serial_init();
  print("Migrascope workload guest: %lu MiB of RAM, ", memory.ram_end / MIB);
  print("%lu work pages. Type help.\n", work_page_count());
  prompt_start();
  for (;;) {
    u64 seen = ticks;
    bool finished = false, more = dirty_step(&finished);
    if (finished) {
      print("\n");
      dirty_print();
      prompt_again();
    }
    for (int key; (key = serial_read()) >= 0;) prompt_key((char)key);
    if (more) continue;
    __asm__ volatile("cli");
    // STI takes effect after the next instruction, so no interrupt slips in between the test and HLT.
    if (ticks == seen && !serial_has_input()) __asm__ volatile("sti; hlt");
    else __asm__ volatile("sti");
  }
}
