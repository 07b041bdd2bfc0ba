// What several scenarios share: the small machine, a disk, guests that hold or rewrite memory.
import { writer } from '../qemu/guest.mjs';

export const SMALL = ['-m', '64M', '-nic', 'none'];

/** The files of a scenario with a disk. */
export const disk = { 'disk.raw': 16 << 20 };

/** 24 MiB of noise, of which 4 MiB are rewritten round and round. */
export const busyGuest = () => writer({ pages: 6144, working: 1024, delay: 4000 });
export const idleGuest = () => writer({ pages: 6144 });
/** Pages that compress well: a quarter of each is noise. */
export const compressibleGuest = () => writer({ pages: 4096, words: 256, working: 512, delay: 8000 });
