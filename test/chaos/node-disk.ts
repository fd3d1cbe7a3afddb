/** A small file system of a node's own, that can be filled to its last byte. */
import { execFileSync } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { cleanEnvironment } from "../support/clean-environment.ts";

const BLOCK_BYTES = 16 * 1024 * 1024;
/** In the data directory, under a name that no node uses. */
const BALLAST = "ballast";

export class NodeDisk {
  readonly mountPoint: string;

  /** Mounts an empty file system of this size. */
  constructor(mountPoint: string, sizeBytes: number) {
    this.mountPoint = mountPoint;
    mkdirSync(mountPoint, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes},mode=0700`, "skerry-chaos", mountPoint], {
      env: cleanEnvironment(),
      stdio: "pipe",
    });
  }

  /** Takes all the room that is left. Resolves with how much that was, in bytes. */
  fill(): number {
    const file = openSync(join(this.mountPoint, BALLAST), "w");
    try {
      for (let length = BLOCK_BYTES; length >= 1; ) {
        if (!wrote(file, length)) length = Math.floor(length / 16);
      }
      return fstatSync(file).size;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(join(this.mountPoint, BALLAST), { force: true });
  }

  unmount(): void {
    execFileSync("umount", ["--lazy", this.mountPoint], { env: cleanEnvironment(), stdio: "pipe" });
  }
}

function wrote(file: number, length: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(length)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw error;
  }
}
