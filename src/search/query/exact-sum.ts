/**
 * A sum of numbers that is the same in every order: the exact sum, rounded once. Partial sums that do not overlap (Shewchuk, "Adaptive Precision
 * Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997); whole numbers beyond 2^53 are added as such.
 */
export class ExactSum {
  readonly #partials: number[] = [];
  #large = 0n;

  add(value: number | bigint): void {
    if (typeof value === "bigint") {
      this.#large += value;
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

  /** Of whole numbers: a number when it is safe, else a bigint. Of others: the nearest number. */
  result(whole: boolean): number | bigint {
    if (whole) {
      const sum = this.#partials.reduce((total, partial) => total + BigInt(partial), this.#large);
      const small = Number(sum);
      return Number.isSafeInteger(small) ? small : sum;
    }
    return this.#rounded() + Number(this.#large);
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
