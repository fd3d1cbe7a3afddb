import { join, resolve } from "node:path";
import asc from "assemblyscript/asc";

const FOLDER = resolve(import.meta.dirname, "../../src/search/vector/kernels");
const SOURCE = join(FOLDER, "assembly/kernels.ts");

/** Where the compiled kernels of vector search are kept. */
export const KERNELS_FILE = join(FOLDER, "kernels-wasm.ts");

/** The text of that file, from the source in AssemblyScript. */
export async function compileKernels(): Promise<string> {
  return [
    "// Compiled from assembly/kernels.ts by `make kernels`; do not edit.",
    "export const KERNELS_WASM =",
    `  "${await compiled("")}";`,
    "",
    "/** The same for a memory that threads share. */",
    "export const SHARED_KERNELS_WASM =",
    `  "${await compiled("--sharedMemory ")}";`,
    "",
  ].join("\n");
}

async function compiled(memory: string): Promise<string> {
  const written = new Map<string, Uint8Array | string>();
  const options = [
    `--outFile kernels.wasm --importMemory ${memory}--initialMemory 1 --maximumMemory 65536`,
    "--enable simd,threads --runtime stub -O3 --noAssert",
  ];
  const { error, stderr } = await asc.main([SOURCE, "--baseDir", "/", ...options.join(" ").split(" ")], {
    writeFile: (name, contents) => void written.set(name, contents),
  });
  const wasm = [...written].find(([name]) => name.endsWith("kernels.wasm"))?.[1];
  if (error !== null || wasm === undefined)
    throw new Error(`the kernels do not compile: ${stderr.toString()}`);
  return Buffer.from(wasm).toString("base64");
}
