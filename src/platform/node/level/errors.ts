import { InvariantViolation } from "../../../base/index.ts";
import { DiskError } from "../../errors.ts";
import type { DiskErrorCode } from "../../ports.ts";

/** LevelDB gives errno only as text. */
const CODE_OF_TEXT: readonly (readonly [RegExp, DiskErrorCode])[] = [
  [/No space left on device|Disk quota exceeded/, "no-space"],
  [/^Corruption|checksum mismatch/, "damaged"],
  [/Read-only file system|Permission denied|Operation not permitted/, "read-only"],
];

/** What LevelDB threw or rejected with, as a `DiskError`; bugs pass through. */
export function storeErrorOf(error: unknown, directory: string): Error {
  if (error instanceof InvariantViolation || error instanceof DiskError || error instanceof TypeError)
    return error;
  const cause = innermost(error);
  return new DiskError(codeOf(cause), directory, `store: ${cause.message}`, { cause: error });
}

function codeOf(error: LevelError): DiskErrorCode {
  if (error.code === "LEVEL_LOCKED") return "locked";
  for (const [text, code] of CODE_OF_TEXT) if (text.test(error.message)) return code;
  return "io";
}

interface LevelError {
  readonly message: string;
  readonly code?: unknown;
  readonly cause?: unknown;
}

/** Opening fails with "database is not open", caused by what really happened. */
function innermost(error: unknown): LevelError {
  let inner = error instanceof Error ? (error as LevelError) : new Error(String(error));
  while (inner.cause instanceof Error) inner = inner.cause as LevelError;
  return inner;
}
