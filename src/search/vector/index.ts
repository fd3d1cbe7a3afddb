/**
 * Dense vectors of one field: rounding to the field's element, exact search in memory, and the index of a segment. docs/internals/search-vectors.md
 * draws the file.
 *
 * - `storedVector`, `queryVector`: what a document's and a query's numbers become, or why they are refused.
 * - `MemoryVectors`: vectors of a memtable, searched exactly.
 * - `planVectorIndex` and its plan's `layOut`: the build, in two halves, so that the unit can lay out everything else in the order that the first
 *   vector field decides. A `VectorSource` is one unit's vectors, or those of several that are merged.
 * - `openVectorIndex` -> `search`: over a `RangeReader`. Scores are exact in every answer; which rows are found is exact when `exhaustive` says so.
 * - `searchTogether`: the search of several indexes and memtables for the best of all of them.
 * - `VectorKernels`: the arithmetic. One instance serves everything on a thread.
 *
 * Scores are higher is better: the cosine, the dot product, the negative squared distance. Ties go to the smaller row.
 */
export type { LaidOut } from "./build/lay-out.ts";
export { planVectorIndex, type VectorIndexPlan } from "./build/plan.ts";
export type { VectorBuild } from "./build/vector-build.ts";
export { memorySource, type VectorSource } from "./build/vector-source.ts";
export { queryVector, storedVector } from "./elements.ts";
export { type OpenVectorIndex, openVectorIndex } from "./index/open.ts";
export { searchTogether, type VectorSteps } from "./joint-search.ts";
export type { VectorKernels } from "./kernels/kernels.ts";
export { vectorKernels } from "./kernels/vector-kernels.ts";
export type { KernelRegion } from "./kernels/wasm.ts";
export { MemoryVectors } from "./memory-vectors.ts";
export type { VectorHit } from "./top-hits.ts";
export type { VectorAnswer, VectorIndex, VectorSearch } from "./vector-index.ts";
