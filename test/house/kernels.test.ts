/** The promise: the WebAssembly that runs is what the reviewed source compiles to. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compileKernels, KERNELS_FILE } from "../support/compile-kernels.ts";

test("kernels-wasm.ts is what assembly/kernels.ts gives (else: make kernels)", async () => {
  expect(readFileSync(KERNELS_FILE, "utf8")).toBe(await compileKernels());
});
