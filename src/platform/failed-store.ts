import { DiskError } from "./errors.ts";
import type { DiskErrorCode } from "./ports.ts";

/** Throws what a write to a store meets of which an earlier write has failed with `code`, as `OrderedStore.write` says. */
export function refuseAfterFailure(code: DiskErrorCode | undefined, directory: string): void {
  if (code === undefined) return;
  throw new DiskError(code, directory, `a write failed before: the store must be opened again: ${directory}`);
}
