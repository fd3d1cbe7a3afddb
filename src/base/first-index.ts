/** The first of the numbers from 0 up to `length` for which `holds`, which holds for all after it; `length`: for none. Asks a logarithm of times. */
export function firstIndex(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
