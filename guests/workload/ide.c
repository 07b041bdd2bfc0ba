// Reads sectors from the master on the primary IDE channel, by programmed I/O and 28-bit addresses.
#include "workload.h"

enum { DATA = 0x1f0, COUNT = 0x1f2, LBA_LOW = 0x1f3, LBA_MIDDLE = 0x1f4, LBA_HIGH = 0x1f5 };
enum { DEVICE = 0x1f6, COMMAND = 0x1f7, CONTROL = 0x3f6 };
enum { BUSY = 0x80, REQUEST = 0x08, ERROR = 0x01 };
enum { READ_SECTORS = 0x20, IDENTIFY = 0xec };

static bool read_block(u8 command, u64 sector, u8 *buffer) {
  outb(CONTROL, 0x02);       // no interrupts
  outb(DEVICE, (u8)(0xe0 | (sector >> 24 & 15)));
  outb(COUNT, 1);
  outb(LBA_LOW, (u8)sector);
  outb(LBA_MIDDLE, (u8)(sector >> 8));
  outb(LBA_HIGH, (u8)(sector >> 16));
  outb(COMMAND, command);
  u64 start = ticks;
  for (;;) {
    u8 status = inb(COMMAND);
    if (status == 0 || status == 0xff) return false;   // nobody there
    if (!(status & BUSY)) {
      if (status & ERROR) return false;
      if (status & REQUEST) break;
    }
    if (ticks - start > 10 * HZ) return false;
  }
  for (unsigned i = 0; i < 256; i++) {
    u16 word = inw(DATA);
    buffer[2 * i] = (u8)word;
    buffer[2 * i + 1] = (u8)(word >> 8);
  }
  return true;
}

u64 ide_sectors(void) {
  u8 identity[512];
  if (!read_block(IDENTIFY, 0, identity)) return 0;
  return identity[120] | (u64)identity[121] << 8 | (u64)identity[122] << 16 | (u64)identity[123] << 24;
}

bool ide_read(u64 sector, u8 *buffer) { return read_block(READ_SECTORS, sector, buffer); }
