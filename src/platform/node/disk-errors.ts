import { DiskError } from "../errors.ts";
import type { DiskErrorCode } from "../ports.ts";

/** Everything that is not here is "io": the disk, or the program, is broken. */
const CODE_OF_ERRNO: Readonly<Record<string, DiskErrorCode>> = {
  ENOENT: "not-found",
  ENOTDIR: "not-found",
  EEXIST: "exists",
  ENOTEMPTY: "exists",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EROFS: "read-only",
  EPERM: "read-only",
  EACCES: "read-only",
};

/** Node's error of a file system call as a `DiskError`. */
export function diskErrorOf(error: NodeJS.ErrnoException, path: string): DiskError {
  const code = (error.code !== undefined && CODE_OF_ERRNO[error.code]) || "io";
  return new DiskError(code, path, error.message, { cause: error });
}
