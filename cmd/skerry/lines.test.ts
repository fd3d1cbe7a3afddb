import { expect, it } from "vitest";
import { linesOf } from "./lines.ts";

async function linesIn(text: string, pieceBytes: number): Promise<string[]> {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const lines: string[] = [];
  for await (const line of linesOf(pieces())) lines.push(Buffer.from(line).toString());
  return lines;
}

it.each([1, 2, 3, 1_000])(
  "lines end at \\n alone, however they arrive: in pieces of %i bytes",
  async (pieceBytes) => {
    const lines = ["one\u2028two\u2029three\u0085", "", "four\r", "\u{1f30a}"];
    expect(await linesIn(lines.join("\n"), pieceBytes)).toEqual(lines);
    expect(await linesIn(`${lines.join("\n")}\n`, pieceBytes)).toEqual(lines);
    expect(await linesIn("", pieceBytes)).toEqual([]);
  },
);
