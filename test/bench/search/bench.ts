import { createRequire } from "node:module";
import { join } from "node:path";
import { fromNpm } from "../../support/client-cache.ts";
import type { Row } from "./data.ts";
import type { Truth } from "./measure.ts";

/** What every system is given. */
export interface Bench {
  readonly rows: readonly Row[];
  readonly queries: readonly Row[];
  readonly truth: Truth;
}

/** A package ("name@version") that is not among the dependencies, as it is. Throws when it cannot be installed. */
export function loadPackage<T>(name: string, packageName: string): T {
  const modules = fromNpm(`bench-${name}`, [packageName]);
  if (modules === undefined) throw new Error(`${packageName} cannot be installed`);
  return createRequire(join(modules, "bench.js"))(packageName.replace(/@[\d.]+$/, "")) as T;
}
