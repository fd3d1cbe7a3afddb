import type { Random } from "../platform/index.ts";

const COUNTER_DIGITS = 8;
const PREFIX_DIGITS = 8;
const COUNTER_BASE = 36 ** COUNTER_DIGITS;
const PAIRS = 36 ** 2;
/** All pairs of digits: numbers of this size are written in base 36 by a slow path. */
const PAIR_DIGITS = Array.from({ length: PAIRS }, (_, pair) =>
  pair.toString(36).toUpperCase().padStart(2, "0"),
);

/** Ids of 16 upper-case letters and digits, as S3's are: eight drawn at the start of the process, eight counted. */
export class RequestIds {
  readonly #prefix: string;
  #counter: number;

  constructor(random: Random) {
    const draw = (): number => random.below(2 ** 32);
    this.#prefix = (draw() * 2 ** 16 + (draw() & 0xffff))
      .toString(36)
      .toUpperCase()
      .slice(-PREFIX_DIGITS)
      .padStart(PREFIX_DIGITS, "0");
    this.#counter = draw();
  }

  next(): string {
    this.#counter = (this.#counter + 1) % COUNTER_BASE;
    let digits = "";
    for (let rest = this.#counter; digits.length < COUNTER_DIGITS; rest = Math.floor(rest / PAIRS))
      digits = PAIR_DIGITS[rest % PAIRS] + digits;
    return this.#prefix + digits;
  }
}
