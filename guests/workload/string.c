// The functions gcc calls on its own in freestanding code, and the few of <string.h> that the prompt uses.
#include <stddef.h>

void *memset(void *to, int value, size_t bytes) {
  void *start = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
  return start;
}

void *memcpy(void *to, const void *from, size_t bytes) {
  void *start = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
  return start;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

int strncmp(const char *a, const char *b, size_t bytes) {
  for (; bytes; a++, b++, bytes--) {
    if (*a != *b) return (unsigned char)*a - (unsigned char)*b;
    if (!*a) return 0;
  }
  return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }

char *strcpy(char *to, const char *from) { return memcpy(to, from, strlen(from) + 1); }
