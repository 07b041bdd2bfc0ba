// 16550 UART at COM1, 115200 8N1: keys arrive by interrupt, text leaves by polling.
#include "workload.h"

enum { COM1 = 0x3f8, DATA = COM1, IER = COM1 + 1, FCR = COM1 + 2, LCR = COM1 + 3, MCR = COM1 + 4, LSR = COM1 + 5 };
enum { LSR_DATA_READY = 0x01, LSR_THR_EMPTY = 0x20 };

static char keys[256];
static volatile u8 keys_written, keys_read;

void serial_init(void) {
  outb(IER, 0);
  outb(LCR, 0x80);           // the divisor in place of DATA and IER
  outb(DATA, 1);
  outb(IER, 0);
  outb(LCR, 0x03);           // 8N1
  outb(FCR, 0x07);           // FIFOs on and empty, interrupt at one byte
  outb(MCR, 0x0b);           // DTR, RTS, OUT2 (lets the interrupt out)
  outb(IER, 0x01);           // when data arrived
}

void serial_interrupt(void) {
  while (inb(LSR) & LSR_DATA_READY) {
    char key = (char)inb(DATA);
    if ((u8)(keys_written + 1) != keys_read) keys[keys_written++] = key;
  }
}

bool serial_has_input(void) { return keys_read != keys_written; }

int serial_read(void) { return serial_has_input() ? (u8)keys[keys_read++] : -1; }

void print_char(char c) {
  if (c == '\n') print_char('\r');
  while (!(inb(LSR) & LSR_THR_EMPTY)) {}
  outb(DATA, (u8)c);
}

#include "print.c.inc"
