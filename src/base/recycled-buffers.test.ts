import { describe, expect, it } from "vitest";
import { RecycledBuffers } from "./recycled-buffers.ts";

describe("RecycledBuffers", () => {
  const create = () => new RecycledBuffers({ bufferBytes: 1000, keptBytes: 2000 });

  it("hands out memory that was given back, in the length that is asked for", () => {
    const buffers = create();
    const first = buffers.take(1000);
    buffers.giveBack(first.subarray(100, 200));
    const second = buffers.take(600);
    expect(second.buffer).toBe(first.buffer);
    expect(second.length).toBe(600);
  });

  it("never hands out memory that somebody has", () => {
    const buffers = create();
    const taken = [buffers.take(1000), buffers.take(1000), buffers.take(700)];
    expect(new Set(taken.map(({ buffer }) => buffer)).size).toBe(3);
  });

  it("takes a buffer back once, however often it is given", () => {
    const buffers = create();
    const bytes = buffers.take(1000);
    buffers.giveBack(bytes);
    buffers.giveBack(bytes);
    expect(buffers.take(1000).buffer).not.toBe(buffers.take(1000).buffer);
  });

  it("leaves memory from elsewhere alone", () => {
    const buffers = create();
    const foreign = new Uint8Array(1000);
    buffers.giveBack(foreign);
    expect(buffers.take(1000).buffer).not.toBe(foreign.buffer);
  });

  it("keeps no more than its limit", () => {
    const buffers = create();
    const taken = [1, 2, 3].map(() => buffers.take(1000));
    for (const bytes of taken) buffers.giveBack(bytes);
    const again = [1, 2, 3].map(() => buffers.take(1000));
    expect(again.filter(({ buffer }) => taken.some((bytes) => bytes.buffer === buffer))).toHaveLength(2);
  });

  it("has buffers of several sizes, which share the limit", () => {
    const buffers = new RecycledBuffers({ bufferBytes: 1000, leastBytes: 250, keptBytes: 1500 });
    const sizeOf = (lengthBytes: number): number => buffers.take(lengthBytes).buffer.byteLength;
    expect([1000, 501, 500, 251, 250, 125, 124].map(sizeOf)).toEqual([1000, 1000, 500, 500, 250, 250, 124]);
    const [large, middle, small] = [buffers.take(900), buffers.take(400), buffers.take(200)] as const;
    for (const bytes of [large, middle, small]) buffers.giveBack(bytes);
    expect(buffers.take(300).buffer).toBe(middle.buffer);
    expect(buffers.take(800).buffer).toBe(large.buffer);
    // The two before it had used up the limit.
    expect(buffers.take(240).buffer).not.toBe(small.buffer);
  });

  it("makes small and very large pieces anew", () => {
    const buffers = create();
    for (const lengthBytes of [1, 499, 1001]) {
      const bytes = buffers.take(lengthBytes);
      expect(bytes.buffer.byteLength).toBe(lengthBytes);
      buffers.giveBack(bytes);
      expect(buffers.take(lengthBytes).buffer).not.toBe(bytes.buffer);
    }
  });

  it("takes back what was lent to another thread, though it comes as another object, and only what fits", () => {
    const buffers = create();
    const bytes = buffers.take(1000);
    bytes.fill(7);
    expect(buffers.lend(bytes)).toBe(true);
    const returned = structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    buffers.takeBack(new ArrayBuffer(999));
    buffers.takeBack(returned);
    const again = buffers.take(1000);
    expect(again.buffer).toBe(returned);
    expect(again[0]).toBe(7);
  });

  it("lends its own memory once, and nobody else's", () => {
    const buffers = create();
    const bytes = buffers.take(1000);
    expect(buffers.lend(bytes.subarray(10, 20))).toBe(true);
    expect(buffers.lend(bytes)).toBe(false);
    buffers.giveBack(bytes);
    expect(buffers.take(1000).buffer).not.toBe(bytes.buffer);
    expect(buffers.lend(new Uint8Array(1000))).toBe(false);
  });

  it("keeps no more than its limit of what comes from other threads", () => {
    const buffers = create();
    const foreign = [1, 2, 3].map(() => new ArrayBuffer(1000));
    for (const buffer of foreign) buffers.takeBack(buffer);
    const taken = [1, 2, 3].map(() => buffers.take(1000).buffer);
    expect(taken.filter((buffer) => foreign.includes(buffer))).toHaveLength(2);
  });
});
