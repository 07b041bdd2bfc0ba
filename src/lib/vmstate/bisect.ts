/** Index of the last of some rising numbers that is at most `n`; -1 where none is. */
export function lastUpTo(numbers: ArrayLike<number>, n: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! <= n) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
