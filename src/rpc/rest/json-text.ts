import { JsonError } from "./json-error.ts";

/** What `JSON.parse` makes, with whole numbers that a double cannot hold as bigint. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: Json;
}

/** Nothing that nests deeper is parsed: a level costs stack. */
const MAX_DEPTH = 128;
/** Digits enough that a whole number may be too large for a double, without a fraction or an exponent behind them. */
const LONG_INTEGER = /(?<![\d.eE+])\d{16,}(?![\d.eE])/;
const WHOLE = /^-?\d+$/;

/** Parses JSON in UTF-8. Throws JsonError for what is no JSON, is no UTF-8, or nests too deeply. */
export function parseJson(bytes: Uint8Array): Json {
  const text = decodeText(bytes);
  checkDepth(text);
  try {
    // With a reviver parsing takes several times as long; it is there for the numbers that would be changed.
    return (LONG_INTEGER.test(text) ? JSON.parse(text, exactInteger) : JSON.parse(text)) as Json;
  } catch (error) {
    throw new JsonError("", error instanceof SyntaxError ? `not JSON: ${error.message}` : "not JSON");
  }
}

function exactInteger(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && WHOLE.test(source) ? BigInt(source) : value;
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new JsonError("", "not UTF-8");
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The parser of the engine recurses; brackets outside strings are counted first. */
function checkDepth(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at + 1);
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) throw new JsonError("", `nests deeper than ${MAX_DEPTH} levels`);
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}

/** Where the quote is that ends the string which begins at `start`; the end of the text when there is none. Most of a body is strings without an escape. */
function endOfString(text: string, start: number): number {
  for (let from = start; ; ) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return text.length;
    let escapes = 0;
    while (quote - escapes > start && text.charCodeAt(quote - escapes - 1) === BACKSLASH) escapes++;
    // An even number of them are backslashes that stand for themselves.
    if (escapes % 2 === 0) return quote;
    from = quote + 1;
  }
}

/** One line of JSON. A bigint is written with all its digits. */
export function formatJson(value: Json): string {
  try {
    // Three times as fast as with a replacer, which only the rare numbers beyond 2^53 need.
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_name, item: unknown) =>
      typeof item === "bigint" ? rawJson(item.toString()) : item,
    );
  }
}

/** A float as JSON: what is no number there is a string, as protobuf's own JSON has it ("Infinity", "-Infinity", "NaN"). */
export function floatJson(value: number): Json {
  return Number.isFinite(value) ? value : String(value);
}

/** ECMAScript "JSON.parse source text access", which the standard library's types do not know yet. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
