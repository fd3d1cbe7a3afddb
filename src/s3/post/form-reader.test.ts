/** The promise: a form says the same however it is cut into pieces, and costs no more than a few times its bytes. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { FormReader } from "./form-reader.ts";

const FIELD_BYTES = 60_000;
const FILE = "line one\r\n--not-the-boundary\r\nline two";

const part = (name: string, value: string): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const FIELDS = part("key", "k") + part("large", "x".repeat(FIELD_BYTES));
const FORM = `${FIELDS}--b\r\nContent-Disposition: form-data; name="file"; filename="C:/f.txt"\r\n\r\n${FILE}\r\n--b--\r\n`;

async function* cut(form: string, pieceBytes: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(form);
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function readAll(pieceBytes: number) {
  const reader = new FormReader(cut(FORM, pieceBytes), "b");
  const { fields, fileName } = await reader.readHead();
  const before = reader.bytesBeforeFile;
  let file = "";
  for await (const piece of reader.file()) file += Buffer.from(piece).toString();
  await reader.finish();
  return { key: fields.get("key"), large: fields.get("large")?.length, fileName, before, file };
}

afterEach(() => vi.restoreAllMocks());

describe("a form", () => {
  it.each([1, 2, 7, 4095, 4096, 100_000])("says the same in pieces of %i bytes", async (pieceBytes) => {
    expect(await readAll(pieceBytes)).toEqual({
      key: "k",
      large: FIELD_BYTES,
      fileName: "f.txt",
      before: FORM.indexOf(FILE),
      file: FILE,
    });
  });

  it("of single bytes is put together in few steps", async () => {
    let copiedBytes = 0;
    const { concat } = Buffer;
    vi.spyOn(Buffer, "concat").mockImplementation((pieces, total) => {
      for (const { length } of pieces) copiedBytes += length;
      return concat(pieces, total);
    });
    await readAll(1);
    expect(copiedBytes).toBeGreaterThan(0);
    expect(copiedBytes).toBeLessThan(20 * FORM.length);
  });
});
