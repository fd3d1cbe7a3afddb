import { S3Refusal } from "../errors.ts";
import { isPlain } from "../http.ts";

/**
 * Decodes percent-encoded bytes as UTF-8. Bytes above 0x7f that came unencoded (they stand as Latin-1 characters) are bytes as well. Refuses
 * broken sequences and everything that is not UTF-8 with "InvalidURI".
 */
export function percentDecode(text: string): string {
  const plain = isPlain(text);
  if (plain && !text.includes("%")) return text;
  try {
    return decodeURIComponent(plain ? text : text.replace(/[\x80-\xff]/g, encodeByte));
  } catch {
    throw new S3Refusal("InvalidURI");
  }
}

function encodeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** RFC 3986: everything but letters, digits and "-._~" is encoded, with upper-case digits. As SigV4 and S3's listings want it. */
export function percentEncode(text: string): string {
  if (isUnreserved(text)) return text;
  return encodeURIComponent(text).replace(/[!'()*]/g, encodeUpper);
}

/** The same, but "/" stays. */
export function percentEncodePath(text: string): string {
  if (isUnreservedPath(text)) return text;
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, encodeUpper)
    .replaceAll("%2F", "/");
}

function encodeUpper(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

const SLASH = 0x2f;
const UNRESERVED = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
  UNRESERVED[character.charCodeAt(0)] = 1;
}

function isUnreserved(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (UNRESERVED[text.charCodeAt(index)] !== 1) return false;
  }
  return true;
}

function isUnreservedPath(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (UNRESERVED[unit] !== 1 && unit !== SLASH) return false;
  }
  return true;
}
