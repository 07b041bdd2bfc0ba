/*
 * What compilers make of common inner loops, for timing a CPU: each kernel prints its name when it begins and its
 * result when it ends, on the first serial port. Linked behind guests/workload/boot.S, which calls main in long mode.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define ALONE __attribute__((noinline))
#define MIB (1 << 20)

static u8 bytes[2 * MIB] __attribute__((aligned(4096)));
static u32 words[16384];
static u64 left[48][48], right[48][48], product[48][48];
static double field[2][130][130];
static struct node {
  struct node *next;
  u64 value;
} nodes[4096];

static inline void outb(unsigned short port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static void print(const char *text) {
  while (*text) outb(0x3f8, (u8)*text++);
}

static void print_hex(u64 value) {
  for (int shift = 60; shift >= 0; shift -= 4) outb(0x3f8, (u8) "0123456789abcdef"[value >> shift & 15]);
}

/* Byte stores at strides. */
ALONE static u64 sieve(u64 times) {
  u64 count = 0;
  while (times--) {
    for (u32 i = 2; i < MIB; i++) bytes[i] = 1;
    for (u32 i = 2; i * i < MIB; i++)
      if (bytes[i])
        for (u32 j = i * i; j < MIB; j += i) bytes[j] = 0;
    count = 0;
    for (u32 i = 2; i < MIB; i++) count += bytes[i];
  }
  return count;
}

/* A table looked up for each byte. */
ALONE static u64 crc32(u64 times) {
  u32 *table = words, crc = ~0u;
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    table[i] = c;
  }
  for (u32 i = 0; i < 65536; i++) bytes[i] = (u8)(i * 7 + (i >> 8));
  while (times--)
    for (u32 i = 0; i < 65536; i++) crc = table[(crc ^ bytes[i]) & 255] ^ crc >> 8;
  return ~crc;
}

/* Calls and returns. */
ALONE static u64 fibonacci_of(u64 n) { return n < 2 ? n : fibonacci_of(n - 1) + fibonacci_of(n - 2); }
ALONE static u64 fibonacci(u64 times) {
  u64 sum = 0;
  while (times--) sum += fibonacci_of(20);
  return sum;
}

/* Branches that are hard to foresee. */
ALONE static void sort(u32 *a, long low, long high) {
  while (low < high) {
    const u32 pivot = a[(low + high) >> 1];
    long i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        const u32 t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    sort(a, low, j);
    low = i;
  }
}
ALONE static u64 quicksort(u64 times) {
  u64 sum = 0;
  while (times--) {
    u32 x = 12345;
    for (int i = 0; i < 16384; i++) {
      x ^= x << 13;
      x ^= x >> 17;
      x ^= x << 5;
      words[i] = x;
    }
    sort(words, 0, 16383);
    sum = sum * 31 + words[77] + words[16000];
  }
  return sum;
}

/* Multiplications and two strides. */
ALONE static u64 matrix(u64 times) {
  for (int i = 0; i < 48 * 48; i++) {
    left[0][i] = (u64)i * 3 + 1;
    right[0][i] = (u64)i ^ 5;
  }
  while (times--) {
    for (int i = 0; i < 48; i++)
      for (int j = 0; j < 48; j++) {
        u64 sum = 0;
        for (int k = 0; k < 48; k++) sum += left[i][k] * right[k][j];
        product[i][j] = sum;
      }
    left[0][times % 7] += product[0][5];
  }
  return product[2][4];
}

/* Each load waits for the one before. */
ALONE static u64 list(u64 times) {
  for (int i = 0; i < 4096; i++) nodes[i] = (struct node){&nodes[(i * 1021 + 1) & 4095], (u64)i};
  u64 hash = 1469598103;
  struct node *node = nodes;
  for (u64 k = times * 4096; k; k--) {
    hash = (hash ^ node->value) * 1099511627;
    hash ^= hash >> 29;
    node->value += hash & 3;
    node = node->next;
  }
  return hash;
}

/* Jumps through a table, as interpreters make them. */
ALONE static u64 bytecode(u64 times) {
  static const u8 program[] = {0, 5, 1, 3, 2, 7, 3, 1, 4, 9, 5, 2, 6, 6, 7, 0};
  for (u32 i = 0; i < sizeof program; i++) bytes[i] = program[i];
  u64 a = 1, b = 2, count = times * 1000;
  for (u32 pc = 0;; pc = (pc + 2) & 15) {
    const u8 value = bytes[pc + 1];
    switch (bytes[pc]) {
      case 0: a += value; break;
      case 1: b ^= a; break;
      case 2: a = a * 17 + value; break;
      case 3: b += a >> value; break;
      case 4: a -= b; break;
      case 5: b <<= value & 3; break;
      case 6: a ^= b >> value; break;
      case 7:
        if (--count == 0) return a + b;
        break;
      default: a = 0;
    }
  }
}

/* String instructions. */
ALONE static u64 copy(u64 times) {
  for (u32 i = 0; i < MIB; i++) bytes[i] = (u8)(i * 13);
  u64 sum = 0;
  while (times--) {
    const void *from = bytes + (times & 63);
    void *to = bytes + MIB;
    u64 count = MIB - 64;
    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
    to = bytes;
    count = 4096 / 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(times * 0x0101010101010101) : "memory");
    sum += bytes[MIB + times % 4096];
  }
  return sum;
}

/* Doubles in SSE2: heat that spreads. */
ALONE static u64 heat(u64 times) {
  for (int i = 0; i < 130; i++)
    for (int j = 0; j < 130; j++) field[0][i][j] = field[1][i][j] = (double)(i * j % 17);
  int now = 0;
  for (; times; times--, now = !now)
    for (int i = 1; i < 129; i++)
      for (int j = 1; j < 129; j++) {
        double (*f)[130] = field[now];
        field[!now][i][j] = 0.25 * (f[i - 1][j] + f[i + 1][j] + f[i][j - 1] + f[i][j + 1]);
      }
  union {
    double number;
    u64 bits;
  } sum = {0};
  for (int i = 0; i < 130; i++) sum.number += field[now][i][i];
  return sum.bits;
}

static const struct kernel {
  const char *name;
  u64 (*run)(u64 times);
  u64 times;
} kernels[] = {
    {"sieve", sieve, 12},         {"crc32", crc32, 300},    {"fibonacci", fibonacci, 400},
    {"quicksort", quicksort, 50},  {"matrix", matrix, 400},   {"list", list, 4000},
    {"bytecode", bytecode, 700},   {"copy", copy, 5},       {"heat", heat, 300},
};

int main(void) {
  /* SSE, which boot.S leaves off: CR4.OSFXSR. */
  u64 cr4;
  __asm__ volatile("mov %%cr4, %0; or $0x200, %0; mov %0, %%cr4" : "=r"(cr4));
  for (u32 i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    print(kernels[i].name);
    print(" begins\n");
    const u64 result = kernels[i].run(kernels[i].times);
    print(kernels[i].name);
    print(" ends ");
    print_hex(result);
    print("\n");
  }
  outb(0xf4, 0);
  for (;;) __asm__ volatile("hlt");
}
