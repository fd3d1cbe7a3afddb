import { DiskError } from "../../errors.ts";
import type { Disk } from "../../ports.ts";

/** The bytes of a file that nobody writes to, in one piece. Rejects with a `DiskError`. */
export async function readAll(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, "read");
  try {
    const bytes = new Uint8Array(await file.sizeBytes());
    const read = await file.read(0, bytes);
    if (read < bytes.length) throw new DiskError("io", path, `a file is shorter than it was: ${path}`);
    return bytes;
  } finally {
    await file.close();
  }
}
