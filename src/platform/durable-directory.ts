import { DiskError } from "./errors.ts";
import type { Disk } from "./ports.ts";

/**
 * Makes a directory, its parents included, and makes sure that a crash does not take it away: what lies in it is only as durable as the way to
 * it. Existing directories are synced too, because a process that died may have made them and not have come to that. `path` is absolute.
 */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  await disk.makeDirectory(path);
  for (const ancestor of ancestorsOf(path)) {
    try {
      await disk.syncDirectory(ancestor);
    } catch (error) {
      // Where we may not look we have made nothing: the upper directories of a machine, or a container's read-only root.
      if (!(error instanceof DiskError && error.code === "read-only")) throw error;
    }
  }
}

/** "/", "/a" and "/a/b" of "/a/b/c". */
function ancestorsOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return names.map((_, depth) => `/${names.slice(0, depth).join("/")}`);
}
