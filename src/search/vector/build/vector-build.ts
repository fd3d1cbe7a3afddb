import type { Prng } from "../../../base/index.ts";
import type { VectorField } from "../../model/schema.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import type { VectorSource } from "./vector-source.ts";

export interface VectorBuild {
  readonly field: VectorField;
  readonly source: VectorSource;
  readonly kernels: VectorKernels;
  /** Decides the samples, the first centroids and the rotation: the same generator and vectors give the same bytes. */
  readonly prng: Prng;
  /** Awaited between slices of some milliseconds of work: the place to let others run, or to throw when the work is no longer wanted. */
  readonly pause?: () => Promise<void>;
}
