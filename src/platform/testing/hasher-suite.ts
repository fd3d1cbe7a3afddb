import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../../base/index.ts";
import type { DigestAlgorithm, Hasher } from "../ports.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Published values: of the empty string, of "abc" (RFC 1321, FIPS 180-4, the BLAKE3 test vectors) and of the CRC catalogue's "123456789". */
const KNOWN: readonly (readonly [DigestAlgorithm, string, string])[] = [
  ["md5", "", "d41d8cd98f00b204e9800998ecf8427e"],
  ["md5", "abc", "900150983cd24fb0d6963f7d28e17f72"],
  ["sha1", "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
  ["sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["sha256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["crc32", "", "00000000"],
  ["crc32", "123456789", "cbf43926"],
  ["crc32c", "", "00000000"],
  ["crc32c", "123456789", "e3069283"],
  ["crc64nvme", "", "0000000000000000"],
  ["crc64nvme", "123456789", "ae8b14860a799888"],
  ["blake3", "", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
  ["blake3", "abc", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"],
];

const ALL: readonly DigestAlgorithm[] = ["md5", "sha1", "sha256", "crc32", "crc32c", "crc64nvme", "blake3"];

/** What `Hasher` and `Digest` promise. */
export function hasherSuite(name: string, create: () => Hasher): void {
  describe(`${name}: Hasher`, () => {
    const hasher = create();

    it.each(KNOWN)("%s of %j is the published value", async (algorithm, input, expected) => {
      expect(toHex(hasher.digest(algorithm, text(input)))).toBe(expected);
      const digest = hasher.start([algorithm], input.length);
      await digest.update(text(input));
      expect((await digest.finish()).map(toHex)).toEqual([expected]);
    });

    it("the short ways agree with the long one", () => {
      const bytes = text("the quick brown fox");
      expect(hasher.blake3(bytes)).toEqual(hasher.digest("blake3", bytes));
      const checksum = hasher.crc32c(bytes);
      expect(toHex(hasher.digest("crc32c", bytes))).toBe(checksum.toString(16).padStart(8, "0"));
      expect(hasher.crc32c(bytes.subarray(7), hasher.crc32c(bytes.subarray(0, 7)))).toBe(checksum);
      expect(hasher.crc32c(bytes, 0)).toBe(checksum);
    });

    it("digests do not depend on how the bytes are cut, nor on whether the length is known", async () => {
      const cuts = fc.array(fc.nat(5000), { maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 5000 }),
          cuts,
          fc.boolean(),
          async (bytes, positions, isKnown) => {
            const digest = hasher.start(ALL, isKnown ? bytes.length : undefined);
            let start = 0;
            for (const end of [...positions, bytes.length].sort((a, b) => a - b)) {
              await digest.update(bytes.subarray(start, end));
              start = Math.min(end, bytes.length);
            }
            expect(await digest.finish()).toEqual(ALL.map((algorithm) => hasher.digest(algorithm, bytes)));
          },
        ),
        { numRuns: 40 },
      );
    });

    it("gives digests in the order asked for, the same one twice if asked twice", async () => {
      const digest = hasher.start(["crc32", "md5", "crc32"]);
      await digest.update(text("123456789"));
      const [first, second, third] = await digest.finish();
      expect(toHex(first!)).toBe("cbf43926");
      expect(second).toHaveLength(16);
      expect(third).toEqual(first);
      expect(await hasher.start([]).finish()).toEqual([]);
    });

    it("a large stream of small pieces has the digest of its bytes, whatever happens to the pieces afterwards", async () => {
      const bytes = pattern(5 * 1024 * 1024 + 17);
      const digest = hasher.start(ALL, bytes.length);
      const piece = new Uint8Array(65_536);
      for (let start = 0; start < bytes.length; start += piece.length) {
        const part = bytes.subarray(start, start + piece.length);
        piece.set(part);
        await digest.update(piece.subarray(0, part.length));
        piece.fill(0xee);
      }
      expect(await digest.finish()).toEqual(ALL.map((algorithm) => hasher.digest(algorithm, bytes)));
    });

    it("pieces on shared memory, large and small, keep their order", async () => {
      const bytes = new Uint8Array(new SharedArrayBuffer(3 * 1024 * 1024));
      bytes.set(pattern(bytes.length));
      const digest = hasher.start(["md5", "blake3"], bytes.length);
      const updates: Promise<void>[] = [];
      const ends = [10, 1_048_576, 1_048_577, 1_200_000, 1_200_100, 2_500_000, bytes.length];
      let start = 0;
      for (const end of ends) {
        updates.push(digest.update(bytes.subarray(start, end)));
        start = end;
      }
      await Promise.all(updates);
      expect(await digest.finish()).toEqual([hasher.digest("md5", bytes), hasher.digest("blake3", bytes)]);
    });

    it("streams do not disturb each other", async () => {
      const streams = Array.from({ length: 6 }, async (_, index) => {
        const bytes = pattern(2 * 1024 * 1024 + index).map((byte) => byte ^ index);
        const digest = hasher.start(["md5", "crc64nvme"], bytes.length);
        for (let start = 0; start < bytes.length; start += 300_000)
          await digest.update(bytes.subarray(start, start + 300_000));
        expect(await digest.finish()).toEqual([
          hasher.digest("md5", bytes),
          hasher.digest("crc64nvme", bytes),
        ]);
      });
      await Promise.all(streams);
    });

    it("a digest that is given up leaves the others alone", async () => {
      const given = hasher.start(["md5"], 4 * 1024 * 1024);
      const kept = hasher.start(["md5"], 4 * 1024 * 1024);
      const bytes = pattern(2 * 1024 * 1024);
      const pending = given.update(bytes);
      given.abandon();
      await pending;
      await kept.update(bytes);
      expect(await kept.finish()).toEqual([hasher.digest("md5", bytes)]);
    });

    it("refuses bytes after the end and a second end", async () => {
      const digest = hasher.start(["md5"], 10);
      await digest.finish();
      await expect(digest.update(text("x"))).rejects.toThrow("a digest that has ended takes no more bytes");
      await expect(digest.finish()).rejects.toThrow("a digest ends once");
      digest.abandon();
    });
  });
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7) & 255;
  return bytes;
}
