/** Small compressed texts, made by the zstd and xz programs, and the texts themselves. */
const bytes = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(base64, 'base64'));

/** Numbers that are the same everywhere. */
export function randomly(seed: number): (below: number) => number {
  let x = BigInt(seed);
  return (below) => {
    x = (x * 1103515245n + 12345n) & 0x7fffffffn;
    return Number(x >> 12n) % below;
  };
}

/** 400 words: matches, few literals. */
export function words(): Uint8Array<ArrayBuffer> {
  const all = ['alpha', 'beta', 'gamma\n', 'delta', 'QEMU', 'page', '0x7f', 'zstd'];
  let x = 12345n;
  const out = Array.from({ length: 400 }, () => {
    x = (x * 1103515245n + 12345n) & 0x7fffffffn;
    return all[Number((x >> 16n) & 7n)];
  });
  return new TextEncoder().encode(out.join(' '));
}

/** 1500 letters of uneven frequency: Huffman coded literals in four streams. */
export function letters(): Uint8Array<ArrayBuffer> {
  let x = 99n;
  return Uint8Array.from({ length: 1500 }, () => {
    x = (x * 1103515245n + 12345n) & 0x7fffffffn;
    let r = Number((x >> 12n) & 0xffffn);
    let k = 0;
    for (; r & 1 && k < 12; r >>= 1) k++;
    return 97 + k;
  });
}

/** `zstd -19` of `words()`: a Huffman tree, three tables, a checksum. */
export const wordsZstd = bytes(
  'KLUv/WSlB2ULAJQCUUVNVSBwYWdlIGdhbW1hCiB6c3RkZGVsdGEgMHg3ZmFscGhhIGJldGGAtajha2zsBiBEgBAqOw8RxASICDTC' +
    'RTamoFBJ0ho1YNmE9SKNFMRmLqFfoYBg5I16Ui3w07EhE6nNYNoMhNVHpTUHE4wgSz1eEv+KBwcFDfwdwtT1SsFTQ44ZAOSjWFnq' +
    'o3D0rHDka2VXm6HHtYqentW64eh7RdDSirm3Uojkr2l31PeOX2hlqBWJ/7CyqP5RPQowBvduf8jVFwnwb2iX9/Ws/VwLTAEtqRLT' +
    'hjr0SBkbODXwICnir6b4gD4qEKFB2xwlfhSB4yW3+NWFRXruPpDG1eXcmB4pEJsq0hdb9PDKgnfn+R6C6NBZRGbCxsm0y2B/Jm/U' +
    'dkpej5j6VTviHHrZMUXrwn2ZLmg77w7gJPgEGhUCL/SWVrsZUAJFqHkHhwQUpRVI/YnCrLbnZIfC5MYzf6u138ZVTdVHc4Wr/AFn' +
    'bRY7'
);

/** `zstd -19` of `letters()`. */
export const lettersZstd = bytes(
  'KLUv/WTcBOUMANpcQAYSkBUkSQcAIIS+bWRL7u7u7qIJXABiAF0A6/QgneqrEKVYWVZdDSo7Shs4LIfr8oRtFa7P0k972CAoDQ+g' +
    '8YjIIZsg0GQWG5Zord88uPuvI7ZekAZCkYI2xPa1yP63y9WpsOOX3y1Np099AHgzz2ozl0+P4jwndBIkPMbuueITcJPWvdoCwLFX' +
    'F0uZkrBzt+mYnXugQMJAdDo7GDF2Sw4NMoRpoxVnmO0JkUDZM42TtutASN1nuZBZre4q44n9k2bKww12hwQsrd0redBAvygLHGNj' +
    '1GDWKnFMjuVWMeywOnWs00EQwN16+8Zxfro7N8VFC4NFmikhrNFTO8R52cXZSIrB+suwqK1K6VZR062vdRqzqZR9QpFFaxJi5qrA' +
    'oFpMxQPqUXXvtesZnpKvqZ3THtXmAlVZpOLCXEbPDRHGwJkn2RXZnz/SfmWjqU0eya5JbNogv25bax/shfgcgp+C0LAoZ2ts30Yd' +
    'zLWrisOnI8LI1h8G+kuhVE3S6k4pVYeL4gX7x3hsV+iP9fiSAAkaAgB+lvBgAFPRCoTl'
);

/** `xz -9` of `words()`. */
export const wordsXz = bytes(
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4AikAYNdACiRRd4FyQO69och0s5Q3/akLVI1BiISpn1znJ+stHfNvD7i259bdl/It6Sk' +
    '5UxPFa+5MPuZGzvcIYM4wQXVpHrAltp0+zX7Gv9+NxMaZpPxOVF2LKWuxVhfHxtp3CLjIY/gd/FBT09iWRtGngD6j1Xthg2g4ZbM' +
    'v2hf52cP82EtcL6tByGkeFhUO9sJeUt0KKPQO3Wn+oA4tbbrNxUFEMqsFfhfLBIknk5Nua+x7mYf7y7sTlWqGgzPFec+7yCYoToj' +
    'XKHfg+RqxdCk437WlmVev/9OH/T5XJYVGsKkj4ad23827HWHuOg1siZd/Zp7gxJPGlrBoKBGG9uT+NlH+ACQ0II6iCW86DmGYsie' +
    'kjlRvaVmgVubJkwJNWg9oaSp5r8TnQV4fe0WxuFP4yaN+CQLj09tijP/HAQbO568HiYhWXQgqmhqX9ipSlawhM4gCSbY5n5u7rED' +
    '1qe4UIaQca8K72CN0oEz6wpEq8TET7SKjvvWG8JPCXy02koyMXX9IP0mAAAASBnj5Y/o+KkAAZ8DpREAAOsqlA+xxGf7AgAAAAAE' +
    'WVo='
);
