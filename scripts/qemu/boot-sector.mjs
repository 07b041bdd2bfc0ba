// A boot sector that stays in real mode: arithmetic of all kinds, string instructions, far and near calls, the x87, and
// the BIOS's services, round and round. Made byte by byte, so that nothing is needed to build it.

const SECTOR = 512;
const SIGNATURE = 0xaa55;

// Loaded to 0x7c00.
// prettier-ignore
const CODE = [
  0xfa,                                     // cli
  0x31, 0xc0,                               // xor ax, ax
  0x8e, 0xd0,                               // mov ss, ax
  0xbc, 0x00, 0x7c,                         // mov sp, start
  0x8e, 0xd8,                               // mov ds, ax
  0x8e, 0xc0,                               // mov es, ax
  0xc7, 0x06, 0x80, 0x01, 0x52, 0x7d,       // mov word [0x180], handler
  0xa3, 0x82, 0x01,                         // mov [0x182], ax
  0xfb,                                     // sti
  0xfc,                                     // cld
  0xbe, 0x64, 0x7d,                         // mov si, text
  0xba, 0xf8, 0x03,                         // mov dx, 0x3f8
  0xac,                                     // 1: lodsb
  0xee,                                     // out dx, al
  0x84, 0xc0,                               // test al, al
  0x75, 0xfa,                               // jnz 1b
  0xb9, 0x28, 0x00,                         // round: mov cx, 40
  0x66, 0x69, 0xed, 0x0d, 0x66, 0x19, 0x00, // number: imul ebp, ebp, 0x19660d
  0x66, 0x81, 0xc5, 0x5f, 0xf3, 0x6e, 0x3c, // add ebp, 0x3c6ef35f
  0x66, 0x89, 0xe8,                         // mov eax, ebp
  0x66, 0x31, 0xd2,                         // xor edx, edx
  0x66, 0x89, 0xeb,                         // mov ebx, ebp
  0x66, 0xc1, 0xeb, 0x07,                   // shr ebx, 7
  0x80, 0xcb, 0x01,                         // or bl, 1
  0x66, 0xf7, 0xf3,                         // div ebx
  0x89, 0xe8,                               // mov ax, bp
  0xf7, 0xe3,                               // mul bx
  0x89, 0xe8,                               // mov ax, bp
  0x31, 0xd2,                               // xor dx, dx
  0x89, 0xeb,                               // mov bx, bp
  0x80, 0xcf, 0x80,                         // or bh, 0x80
  0xf7, 0xf3,                               // div bx
  0x89, 0xe8,                               // mov ax, bp
  0x27,                                     // daa
  0x2f,                                     // das
  0x37,                                     // aaa
  0x3f,                                     // aas
  0xd4, 0x0a,                               // aam 10
  0xd5, 0x07,                               // aad 7
  0x66, 0x0f, 0xbf, 0xc5,                   // movsb
  0x66, 0x99,                               // cdq
  0x66, 0x0f, 0xa4, 0xe8, 0x05,             // shld eax, ebp, 5
  0x66, 0x0f, 0xad, 0xea,                   // shrd edx, ebp, cl
  0xc1, 0xd0, 0x03,                         // rcl ax, 3
  0xd1, 0xdb,                               // rcr bx, 1
  0x66, 0xd3, 0xcd,                         // ror ebp, cl
  0x66, 0xc1, 0xfa, 0x02,                   // sar edx, 2
  0x0f, 0xbc, 0xfd,                         // bsf di, bp
  0x66, 0x0f, 0xa3, 0xcd,                   // bt ebp, ecx
  0x0f, 0x92, 0xc0,                         // setb al
  0x19, 0xd0,                               // sbb ax, dx
  0x0f, 0xb1, 0xd3,                         // cmpxchg bx, dx
  0x0f, 0xc1, 0xc1,                         // xadd cx, ax
  0x29, 0xc1,                               // sub cx, ax
  0x91,                                     // xchg cx, ax
  0x66, 0x0f, 0xca,                         // bswap edx
  0xbb, 0x64, 0x7d,                         // mov bx, text
  0x24, 0x07,                               // and al, 7
  0xd7,                                     // xlat byte [bx]
  0x8d, 0x71, 0x05,                         // lea si, [bx+di+5]
  0x66, 0x60,                               // pushad
  0x66, 0x61,                               // popad
  0xc8, 0x08, 0x00, 0x01,                   // enter 8, 1
  0xc9,                                     // leave
  0x8b, 0x0e, 0x60, 0x7d,                   // mov cx, word [counter]
  0x49,                                     // dec cx
  0x89, 0x0e, 0x60, 0x7d,                   // mov word [counter], cx
  0x0f, 0x85, 0x74, 0xff,                   // jnz number
  0xc7, 0x06, 0x60, 0x7d, 0x28, 0x00,       // mov word [counter], 40
  0xb8, 0x00, 0x10,                         // mov ax, 0x1000
  0x8e, 0xc0,                               // mov es, ax
  0xb8, 0x00, 0xf0,                         // mov ax, 0xf000
  0x8e, 0xd8,                               // mov ds, ax
  0x31, 0xf6,                               // xor si, si
  0x31, 0xff,                               // xor di, di
  0xb9, 0x3c, 0x00,                         // mov cx, 60
  0x66, 0xf3, 0xa5,                         // rep movsd
  0xb9, 0x1e, 0x00,                         // mov cx, 30
  0xf3, 0xab,                               // rep stosw
  0xb9, 0x32, 0x00,                         // mov cx, 50
  0x89, 0xfe,                               // mov si, di
  0xfd,                                     // std
  0xf3, 0xa6,                               // repz cmpsb
  0xb9, 0x32, 0x00,                         // mov cx, 50
  0xf2, 0xae,                               // repnz scasb
  0xfc,                                     // cld
  0xb9, 0x14, 0x00,                         // mov cx, 20
  0xf3, 0xac,                               // rep lodsb
  0xdb, 0xe3,                               // fninit
  0x2e, 0xdb, 0x06, 0x00, 0x7c,             // fild dword [cs:start]
  0xd9, 0xfa,                               // fsqrt
  0x26, 0xdb, 0x1e, 0x00, 0x00,             // fistp dword [es:0x0]
  0x31, 0xc0,                               // xor ax, ax
  0x8e, 0xd8,                               // mov ds, ax
  0x8e, 0xc0,                               // mov es, ax
  0x66, 0x9c,                               // pushfd
  0x66, 0x58,                               // pop eax
  0x50,                                     // push ax
  0x9d,                                     // popf
  0xcd, 0x60,                               // int 0x60
  0x9a, 0x5b, 0x7d, 0x00, 0x00,             // call 0:remote
  0xcd, 0x11,                               // int 17
  0xcd, 0x12,                               // int 18
  0xb4, 0x88,                               // mov ah, 0x88
  0xcd, 0x15,                               // int 21
  0xb4, 0x01,                               // mov ah, 1
  0xcd, 0x16,                               // int 22
  0xb4, 0x00,                               // mov ah, 0
  0xcd, 0x1a,                               // int 26
  0xb4, 0x02,                               // mov ah, 2
  0xcd, 0x1a,                               // int 26
  0xb8, 0x2e, 0x0e,                         // mov ax, 0xe2e
  0xbb, 0x07, 0x00,                         // mov bx, 7
  0xcd, 0x10,                               // int 16
  0xb4, 0x03,                               // mov ah, 3
  0xb7, 0x00,                               // mov bh, 0
  0xcd, 0x10,                               // int 16
  0x66, 0x31, 0xdb,                         // xor ebx, ebx
  0x66, 0xba, 0x50, 0x41, 0x4d, 0x53,       // mov edx, 0x534d4150
  0x66, 0xb9, 0x14, 0x00, 0x00, 0x00,       // mov ecx, 20
  0xbf, 0x00, 0x06,                         // mov di, 0x600
  0x66, 0xb8, 0x20, 0xe8, 0x00, 0x00,       // mov eax, 0xe820
  0xcd, 0x15,                               // int 21
  0xb8, 0x01, 0x02,                         // mov ax, 0x201
  0xbb, 0x00, 0x80,                         // mov bx, 0x8000
  0xb9, 0x01, 0x00,                         // mov cx, 1
  0xba, 0x80, 0x00,                         // mov dx, 0x80
  0xcd, 0x13,                               // int 19
  0xe9, 0xd1, 0xfe,                         // jmp round
  0x55,                                     // handler: push bp
  0x89, 0xe5,                               // mov bp, sp
  0x80, 0x76, 0x06, 0x01,                   // xor byte [bp+6], 1
  0x5d,                                     // pop bp
  0xcf,                                     // iret
  0xfe, 0x06, 0x62, 0x7d,                   // remote: inc byte [counter + 2]
  0xcb,                                     // retf
];

/** counter: how often `number` runs in a round, and how often `remote` was called; then the text. */
const DATA = [40, 0, 0, 0, ...Buffer.from('ready\n\0', 'latin1')];

/** Prints "ready" on the first serial port. Sectors behind it are zeros. */
export function bootSector() {
  const sector = Buffer.alloc(SECTOR);
  sector.set([...CODE, ...DATA]);
  sector.writeUInt16LE(SIGNATURE, SECTOR - 2);
  return sector;
}
