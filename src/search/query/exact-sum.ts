/** Partial sums of numbers below this do not overflow, however many there are; numbers from it on are whole. */
const HUGE = 2 ** 960;

/**
 * A sum of numbers that is the same in every order: the exact sum, rounded once. Partial sums that do not overlap (Shewchuk, "Adaptive Precision
 * Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997); ints beyond 2^53, and floats that could overflow, are added as whole numbers.
 */
export class ExactSum {
  readonly #partials: number[] = [];
  #large = 0n;

  add(value: number | bigint): void {
    if (typeof value === "bigint") {
      this.#large += value;
      return;
    }
    if (Math.abs(value) >= HUGE) {
      this.#large += BigInt(value);
      return;
    }
    let rest = value;
    let kept = 0;
    for (const partial of this.#partials) {
      const [greater, less] = Math.abs(rest) < Math.abs(partial) ? [partial, rest] : [rest, partial];
      const sum = greater + less;
      const error = less - (sum - greater);
      if (error !== 0) this.#partials[kept++] = error;
      rest = sum;
    }
    this.#partials.length = kept;
    this.#partials.push(rest);
  }

  /** Of whole numbers: a number when it is safe, else a bigint. Of others: the nearest number, which is infinite where the sum is. */
  result(whole: boolean): number | bigint {
    if (whole) {
      const sum = this.#whole();
      const small = Number(sum);
      return Number.isSafeInteger(small) ? small : sum;
    }
    return this.#large === 0n ? this.#rounded() : Number(this.#whole());
  }

  /** The sum divided by `count`, also where the sum is beyond all numbers. */
  mean(whole: boolean, count: number): number {
    const sum = Number(this.result(whole));
    return Number.isFinite(sum) ? sum / count : Number(this.#whole() / BigInt(count));
  }

  /** Without what is behind the point. */
  #whole(): bigint {
    return this.#partials.reduce((total, partial) => total + BigInt(Math.trunc(partial)), this.#large);
  }

  #rounded(): number {
    const partials = [...this.#partials];
    let sum = partials.pop() ?? 0;
    let error = 0;
    for (let next = partials.pop(); next !== undefined; next = partials.pop()) {
      const before = sum;
      sum = before + next;
      error = next - (sum - before);
      if (error !== 0) break;
    }
    // Half way between two numbers the partial below decides.
    const below = partials.at(-1) ?? 0;
    if ((error < 0 && below < 0) || (error > 0 && below > 0)) {
      const twice = error * 2;
      const moved = sum + twice;
      if (twice === moved - sum) return moved;
    }
    return sum;
  }
}
