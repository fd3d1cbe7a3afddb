import { describe, expect, it } from "vitest";
import { createPrng, SHARED_TABLE_SEED_BYTES } from "../base/index.ts";
import { ReplayCache } from "./replay.ts";

const SEED = createPrng("replays").bytes(SHARED_TABLE_SEED_BYTES);
const replayCache = (maxSignatures: number) => new ReplayCache(ReplayCache.memory(maxSignatures, SEED));

describe("the replay cache", () => {
  it("notices a signature that comes again while it is good", () => {
    const cache = replayCache(10);
    expect(cache.note("a", 1_000, 0)).toBe("fresh");
    expect(cache.note("a", 1_000, 1_000)).toBe("repeated");
    expect(cache.note("b", 1_000, 0)).toBe("fresh");
    // It has ended: the signature itself is refused for that, elsewhere.
    expect(cache.note("a", 1_000, 1_001)).toBe("fresh");
    expect(cache.repeated).toBe(1);
  });

  it("forgets what came to nothing", () => {
    const cache = replayCache(10);
    cache.note("a", 1_000, 0);
    cache.forget("a");
    expect(cache.note("a", 1_000, 0)).toBe("fresh");
  });

  it("holds no more than it may, and says what it lost too early", () => {
    const cache = replayCache(3);
    for (let index = 0; index < 1_000; index++) cache.note(`signature ${index}`, index < 3 ? 5 : 1_000, 10);
    expect(cache.size).toBe(3);
    expect(cache.forgottenEarly).toBe(994);
    expect(cache.note("signature 999", 1_000, 10)).toBe("repeated");
    expect(cache.note("signature 0", 1_000, 10)).toBe("fresh");
  });
});
