/** `make kernels`: compiles the kernels of vector search. */
import { writeFileSync } from "node:fs";
import { compileKernels, KERNELS_FILE } from "./compile-kernels.ts";

writeFileSync(KERNELS_FILE, await compileKernels());
console.log(`wrote ${KERNELS_FILE}`);
