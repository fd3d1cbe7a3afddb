import { expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/index.ts";
import { AuditLines } from "./lines.ts";
import { CHAIN_START, prepareEntry } from "./record.ts";
import { isTornBatch } from "./torn-batch.ts";

const SECTOR_BYTES = 512;
const TIME = "2026-01-02T03:04:05.678Z";

function batch(lines: number): Uint8Array {
  const written = new AuditLines(new PlainHasher());
  written.begin(CHAIN_START);
  for (let i = 1; i <= lines; i++)
    written.add(prepareEntry({ requestId: `R${i}`, operation: "o", outcome: "ok" }, TIME), i);
  return written.bytes.slice();
}

/** Where the line begins that a byte is of. */
function lineStart(bytes: Uint8Array, at: number): number {
  return bytes.subarray(0, at).lastIndexOf(0x0a) + 1;
}

it("is whatever sectors a crash leaves of one write, and no batch with a changed bit", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.log(`seed ${seed}`);
  const prng = createPrng(seed);
  for (let round = 0; round < 500; round++) {
    const torn = batch(1 + prng.below(30));
    const position = prng.below(3000);
    const message = `seed ${seed}, round ${round}`;
    // The chain ends where the first hole is: what stands before it follows.
    let firstHole: number | undefined;
    for (let start = 0; start < torn.length; ) {
      const end = Math.min(torn.length, start + SECTOR_BYTES - ((position + start) % SECTOR_BYTES));
      if (prng.chance(0.3)) {
        torn.fill(0, start, end);
        firstHole ??= start;
      }
      start = end;
    }
    const cut = prng.below(torn.length + 1);
    const chainEnd = lineStart(torn, Math.min(firstHole ?? cut, cut));
    expect(isTornBatch(torn.subarray(chainEnd, Math.max(cut, chainEnd)), position + chainEnd), message).toBe(
      true,
    );

    const changed = batch(1 + prng.below(30));
    const at = prng.below(changed.length);
    changed[at]! ^= 1 << prng.below(8);
    const before = lineStart(changed, at);
    expect(isTornBatch(changed.subarray(before), position + before), message).toBe(false);
  }
});
