import { SearchError } from "../../errors.ts";
import type { RangeReader } from "../../ports.ts";
import type { Checksum } from "./blocks.ts";
import { Container } from "./container.ts";

/** A part of a segment that cannot be read, and why. */
export interface DamagedSection {
  readonly kind: string;
  /** "" for what is of all fields. */
  readonly field: string;
  readonly reason: string;
}

/** Read before others have a turn: some milliseconds. */
const SLICE_BYTES = 4 * 1024 * 1024;

/** Reads every section whole, each block against its checksum. Rejects ("data-damaged") where not even the table of contents can be read. */
export async function damagedSections(
  file: RangeReader,
  checksum: Checksum,
  pause: () => Promise<void> = () => Promise.resolve(),
): Promise<readonly DamagedSection[]> {
  const container = await Container.open(file, checksum);
  const damaged: DamagedSection[] = [];
  for (const { kind, field, reader } of container.sections()) {
    try {
      for (let at = 0; at < reader.sizeBytes; at += SLICE_BYTES) {
        await pause();
        await reader.read(at, Math.min(SLICE_BYTES, reader.sizeBytes - at));
      }
    } catch (error) {
      if (!(error instanceof SearchError)) throw error;
      damaged.push({ kind, field, reason: error.message });
    }
  }
  return damaged;
}
