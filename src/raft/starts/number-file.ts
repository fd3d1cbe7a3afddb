/** The CRC-32C of bytes. */
export type Checksum = (bytes: Uint8Array) => number;

export type NumberRows = readonly (readonly number[])[];

const HEAD = "skerry starts 1\n";

/**
 * Rows of whole numbers as text, with a checksum as its last line:
 *
 *     skerry starts 1
 *     2 17 8102938102
 *     crc32c 1a2b3c4d
 */
export function encodeRows(rows: NumberRows, checksum: Checksum): Uint8Array {
  const body = HEAD + rows.map((row) => `${row.join(" ")}\n`).join("");
  const sum = checksum(new TextEncoder().encode(body)).toString(16).padStart(8, "0");
  return new TextEncoder().encode(`${body}crc32c ${sum}\n`);
}

/** Undefined: it is not what was written. Pure. */
export function decodeRows(bytes: Uint8Array, columns: number, checksum: Checksum): NumberRows | undefined {
  const text = new TextDecoder().decode(bytes);
  const end = text.lastIndexOf("crc32c ");
  if (!text.startsWith(HEAD) || end < 0) return undefined;
  const body = text.slice(0, end);
  const sum = checksum(new TextEncoder().encode(body)).toString(16).padStart(8, "0");
  if (text.slice(end) !== `crc32c ${sum}\n`) return undefined;
  const rows = body.slice(HEAD.length).split("\n").slice(0, -1);
  const numbers = rows.map((row) => row.split(" ").map(Number));
  const areRows = numbers.every((row) => row.length === columns && row.every(Number.isSafeInteger));
  return areRows ? numbers : undefined;
}
