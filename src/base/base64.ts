/** Base64 as in RFC 4648, section 4 (with padding) and section 5 (URL-safe, without padding). */

const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const STANDARD_VALUES = valuesOf(STANDARD);
const URL_SAFE_VALUES = valuesOf(URL_SAFE);

/** With padding. */
export function toBase64(bytes: Uint8Array): string {
  const text = encode(bytes, STANDARD);
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}

/** Padding is required; undefined for anything that `toBase64` cannot have written. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const end = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
  return decode(text, end, STANDARD_VALUES);
}

/** URL-safe, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return encode(bytes, URL_SAFE);
}

/** Without padding; undefined for anything that `toBase64Url` cannot have written. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  return decode(text, text.length, URL_SAFE_VALUES);
}

function valuesOf(alphabet: string): Int8Array {
  const values = new Int8Array(128).fill(-1);
  for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value;
  return values;
}

function encode(bytes: Uint8Array, alphabet: string): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const left = bytes.length - i;
    text += alphabet[group >> 18]! + alphabet[(group >> 12) & 63]!;
    if (left > 1) text += alphabet[(group >> 6) & 63]!;
    if (left > 2) text += alphabet[group & 63]!;
  }
  return text;
}

function decode(text: string, end: number, values: Int8Array): Uint8Array<ArrayBuffer> | undefined {
  if (end % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((end * 3) / 4));
  let written = 0;
  const whole = end - (end % 4);
  for (let i = 0; i < whole; i += 4) {
    const [a, b, c, d] = [
      text.charCodeAt(i),
      text.charCodeAt(i + 1),
      text.charCodeAt(i + 2),
      text.charCodeAt(i + 3),
    ];
    if ((a | b | c | d) > 127) return undefined;
    // Negative when one of the four is no value.
    const group = (values[a]! << 18) | (values[b]! << 12) | (values[c]! << 6) | values[d]!;
    if (group < 0) return undefined;
    bytes[written++] = group >> 16;
    bytes[written++] = group >> 8;
    bytes[written++] = group;
  }
  let bits = 0;
  let bitCount = 0;
  for (let i = whole; i < end; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? values[code]! : -1;
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[written++] = bits >> bitCount;
    }
  }
  // Bits that no byte took must be zero, or two texts would mean the same bytes.
  return (bits & ((1 << bitCount) - 1)) === 0 ? bytes : undefined;
}
