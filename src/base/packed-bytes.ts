/** Byte strings, one behind the other, as arrays whose memory can be handed from thread to thread. */
export interface PackedBytes {
  /** Where each one ends. */
  readonly ends: Float64Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function packBytes(parts: readonly Uint8Array[]): PackedBytes {
  const ends = new Float64Array(parts.length);
  let at = 0;
  for (const [i, part] of parts.entries()) ends[i] = at += part.length;
  const bytes = new Uint8Array(at);
  at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { ends, bytes };
}

/** Views into the packed bytes. */
export function unpackBytes({ ends, bytes }: PackedBytes): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const end of ends) {
    parts.push(bytes.subarray(start, end));
    start = end;
  }
  return parts;
}
