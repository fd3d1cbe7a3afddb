const LINE_FEED = 0x0a;

/** Lines without their ends, as bytes. Only \n ends a line: JSON may have U+2028 and U+2029 as they are, where others see an end. */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let parts: Uint8Array[] = [];
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(LINE_FEED); end !== -1; end = piece.indexOf(LINE_FEED, from)) {
      yield Buffer.concat([...parts, piece.subarray(from, end)]);
      parts = [];
      from = end + 1;
    }
    if (from < piece.length) parts.push(piece.subarray(from));
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}
