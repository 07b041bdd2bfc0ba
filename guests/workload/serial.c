// 16550 UART at COM1, 115200 8N1: keys arrive by interrupt, text leaves by polling.
#include <stdarg.h>
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

static void print_number(u64 value, unsigned base, unsigned width, char padding) {
  char digits[20];
  unsigned count = 0;
  do digits[count++] = "0123456789abcdef"[value % base];
  while (value /= base);
  while (width > count) {
    print_char(padding);
    width--;
  }
  while (count) print_char(digits[--count]);
}

void print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  for (; *format; format++) {
    if (*format != '%') {
      print_char(*format);
      continue;
    }
    char padding = format[1] == '0' ? '0' : ' ';
    bool left = format[1] == '-';
    unsigned width = 0;
    if (left) format++;
    while (format[1] >= '0' && format[1] <= '9') width = width * 10 + (unsigned)(*++format - '0');
    if (format[1] == 'l') format++;
    switch (*++format) {
      case 'c': print_char((char)va_arg(arguments, int)); break;
      case 'u': print_number(va_arg(arguments, u64), 10, width, padding); break;
      case 'x': print_number(va_arg(arguments, u64), 16, width, padding); break;
      case 's': {
        const char *text = va_arg(arguments, const char *);
        for (; *text; text++) {
          print_char(*text);
          if (width) width--;
        }
        while (left && width--) print_char(' ');
        break;
      }
      default: print_char(*format);
    }
  }
  va_end(arguments);
}
