import type { VectorKernels } from "./kernels.ts";
import { plainKernels } from "./plain.ts";
import { type KernelRegion, wasmKernels, wasmKernelsRunHere } from "./wasm.ts";

/** The fastest kernels that run here: WebAssembly, in the given region or in a memory of their own, else the plain ones. They give the same bits. */
export function vectorKernels(region?: KernelRegion): VectorKernels {
  return wasmKernelsRunHere() ? wasmKernels(region) : plainKernels();
}
