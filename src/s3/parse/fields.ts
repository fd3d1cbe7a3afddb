import { invalidArgument } from "../errors.ts";

const DIGITS = /^[0-9]{1,15}$/;

/** A whole number of at most 15 digits, or undefined. */
export function parseWhole(text: string): number | undefined {
  return DIGITS.test(text) ? Number(text) : undefined;
}

const MAX_INT32 = 2 ** 31 - 1;

/** max-keys and its kin: absent or empty is `greatest`, more than that is cut to it, anything but a number is refused. */
export function parsePageSize(text: string | undefined, name: string, greatest: number): number {
  if (text === undefined || text === "") return greatest;
  const value = parseWhole(text);
  if (value === undefined || value > MAX_INT32) {
    throw invalidArgument(`Provided ${name} not an integer or within integer range`, name, text);
  }
  return Math.min(value, greatest);
}

/** An HTTP date in milliseconds, or undefined: RFC 9110 has recipients ignore a date that they cannot read. */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** ETags of a list without quotes and without the mark of weak ones; undefined: there are none. Clients leave the quotes out at times. */
export function parseEtags(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const etags: string[] = [];
  for (const part of text.split(",")) {
    const etag = unquoteEtag(part);
    if (etag !== "") etags.push(etag);
  }
  return etags.length === 0 ? undefined : etags;
}

/** An empty one keeps its quotes: it is a condition that nothing meets, and neither none at all nor what a delete marker has. */
export function unquoteEtag(text: string): string {
  let etag = text.trim();
  if (etag.startsWith("W/")) etag = etag.slice(2);
  return etag.length > 2 && etag.startsWith('"') && etag.endsWith('"') ? etag.slice(1, -1) : etag;
}
