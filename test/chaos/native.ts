/** The two programs in C, compiled with the machine's compiler. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { cleanEnvironment } from "../support/clean-environment.ts";

export interface NativePrograms {
  /** The program that carries packets. */
  readonly wire: string;
  /** The library to preload into nodes. */
  readonly faults: string;
}

/** Compiles both into `directory`. Throws with what the compiler says. */
export function compileNative(directory: string): NativePrograms {
  const wire = join(directory, "wire");
  const faults = join(directory, "faults.so");
  const compile = (source: string, args: readonly string[]) =>
    execFileSync("cc", ["-O2", "-Wall", "-Wextra", join(import.meta.dirname, "native", source), ...args], {
      env: cleanEnvironment(),
      stdio: ["ignore", "ignore", "inherit"],
    });
  compile("wire.c", ["-o", wire]);
  compile("faults.c", ["-shared", "-fPIC", "-o", faults, "-ldl"]);
  return { wire, faults };
}
