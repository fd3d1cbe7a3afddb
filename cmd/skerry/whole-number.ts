import { CommandError } from "./exit.ts";

/** An option's number, in digits and nothing else. Throws CommandError outside of [least, greatest]. */
export function wholeNumber(
  text: string,
  option: string,
  least = 0,
  greatest = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= greatest) return value;
  throw new CommandError(`${option} is a whole number from ${least} to ${greatest}, not ${text}`, 2);
}
