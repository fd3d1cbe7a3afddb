import { readFileSync } from "node:fs";

/** The version of the package, wherever this file lies in it. */
export function version(): string {
  for (const path of ["../../package.json", "../../../package.json"]) {
    try {
      const parsed = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (parsed.name === "skerry" && parsed.version !== undefined) return parsed.version;
    } catch {
      // Not there: built and unbuilt files lie at different depths.
    }
  }
  return "unknown";
}
