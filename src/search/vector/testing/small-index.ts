import { createPrng } from "../../../base/index.ts";
import type { VectorField } from "../../model/schema.ts";
import { layOut } from "../build/lay-out.ts";
import { makeLists } from "../build/lists.ts";
import { memorySource } from "../build/vector-source.ts";
import { storedVector } from "../elements.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { joinChunks } from "./memory-reader.ts";

export interface ClusteredVectors {
  readonly field: VectorField;
  readonly count: number;
  readonly clusters: number;
  readonly seed: string;
}

/** Vectors around random centers, as the field stores them. */
export function clusteredVectors({ field, count, clusters, seed }: ClusteredVectors): Float32Array {
  const prng = createPrng(seed);
  const { dimensions } = field;
  const scale = field.element === "i8" ? 40 : 1;
  // Near enough to a normal distribution.
  const normal = () => (prng.unit() + prng.unit() + prng.unit() + prng.unit() - 2) * 1.7;
  const centers = Array.from({ length: clusters }, () => Float32Array.from({ length: dimensions }, normal));
  const vectors = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row++) {
    const near = prng.pick(centers).map((x) => (x + 0.5 * normal()) * scale);
    vectors.set(
      storedVector(
        field,
        near.map((x) => Math.max(-128, Math.min(127, x))),
      ),
      row * dimensions,
    );
  }
  return vectors;
}

/** The bytes of an index that has lists however few vectors there are; its rows lie in the order of the lists. */
export async function smallIndexWithLists(
  kernels: VectorKernels,
  made: ClusteredVectors,
): Promise<Uint8Array> {
  const vectors = clusteredVectors(made);
  const build = {
    field: made.field,
    source: memorySource(vectors, made.field.dimensions),
    kernels,
    prng: createPrng(made.seed),
  };
  const lists = await makeLists(build);
  const positions = Uint32Array.from(lists.members.flat().flatMap((rows) => [...rows]));
  return joinChunks(layOut({ build, lists, positions }, positions));
}
