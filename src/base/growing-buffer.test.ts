import { describe, expect, it } from "vitest";
import { GrowingBuffer } from "./growing-buffer.ts";
import { createPrng } from "./prng.ts";
import { heldBytes } from "./testing/held-memory.ts";

const KIB = 1024;

describe("bytes that come in pieces", () => {
  it("are one behind the other, whatever becomes of the pieces", () => {
    const seed = `pieces ${Date.now()}`;
    console.log(`seed: ${seed}`);
    const prng = createPrng(seed);
    const sent: Buffer[] = [];
    const buffer = new GrowingBuffer(prng.below(200 * KIB));
    for (let i = 0; i < 200; i++) {
      const piece = Buffer.from(prng.bytes(prng.below(2) === 0 ? prng.below(8) : prng.below(2 * KIB)));
      sent.push(Buffer.from(piece));
      buffer.append(piece);
      piece.fill(0);
      expect(buffer.sizeBytes).toBe(Buffer.concat(sent).length);
    }
    expect(Buffer.from(buffer.bytes())).toEqual(Buffer.concat(sent));
  });

  it("take at most twice their length, and what was announced when all of it is there", () => {
    const buffer = new GrowingBuffer(100 * KIB);
    expect(buffer.capacityBytes).toBe(0);
    let excess = 0;
    for (let size = 1; size <= 100 * KIB; size++) {
      buffer.append(Uint8Array.of(size));
      excess = Math.max(excess, buffer.capacityBytes - Math.max(2 * size, KIB));
    }
    expect(excess).toBe(0);
    expect(buffer.capacityBytes).toBe(100 * KIB);
    buffer.append(Uint8Array.of(1));
    expect(buffer.sizeBytes).toBe(100 * KIB + 1);
  });

  it("cost their bytes, however many they are", async () => {
    const count = 256 * KIB;
    const held = await heldBytes(count, async (pieces) => {
      const buffer = new GrowingBuffer(count);
      for await (const piece of pieces) buffer.append(piece);
      return buffer.bytes();
    });
    expect(held).toBeLessThan(8 * count);
  });
});
