import { BinaryReader } from "@bufbuild/protobuf/wire";
import { DiskError } from "../../errors.ts";
import type { Disk } from "../../ports.ts";
import { recordsOf } from "./log-format.ts";
import { readAll } from "./whole-file.ts";

/** Fields of a change of LevelDB's manifest (LevelDB, db/version_edit.cc). A number, bytes with their length, a level and bytes, and so on, by the field. */
const COMPARATOR = 1;
const LOG_NUMBER = 2;
const NEXT_FILE_NUMBER = 3;
const LAST_SEQUENCE = 4;
const COMPACT_POINTER = 5;
const DELETED_FILE = 6;
const NEW_FILE = 7;
const PREVIOUS_LOG_NUMBER = 9;

const FIELDS: ReadonlyMap<number, readonly ("number" | "bytes")[]> = new Map([
  [COMPARATOR, ["bytes"]],
  [LOG_NUMBER, ["number"]],
  [NEXT_FILE_NUMBER, ["number"]],
  [LAST_SEQUENCE, ["number"]],
  [COMPACT_POINTER, ["number", "bytes"]],
  [DELETED_FILE, ["number", "number"]],
  [NEW_FILE, ["number", "number", "number", "bytes", "bytes"]],
  [PREVIOUS_LOG_NUMBER, ["number"]],
]);

/**
 * The number of the first log whose batches are not in tables yet. Undefined: there is no store, or its manifest cannot be understood, which LevelDB finds too, and
 * says so. Rejects with a `DiskError`.
 */
export async function liveLogsFrom(disk: Disk, directory: string): Promise<number | undefined> {
  try {
    const current = new TextDecoder().decode(await readAll(disk, `${directory}/CURRENT`)).trim();
    if (!/^MANIFEST-\d+$/.test(current)) return undefined;
    let from: number | undefined;
    for (const { data } of recordsOf(await readAll(disk, `${directory}/${current}`))) {
      const told = logNumberOf(data);
      if (told === "unknown") return undefined;
      from = told ?? from;
    }
    return from;
  } catch (error) {
    if (error instanceof DiskError && error.code === "not-found") return undefined;
    throw error;
  }
}

/** What a change says of the log; undefined: nothing. */
function logNumberOf(change: Uint8Array): number | undefined | "unknown" {
  // Its numbers are written as those of protobuf are.
  const reader = new BinaryReader(change);
  let logNumber: number | undefined;
  try {
    while (reader.pos < reader.len) {
      const field = reader.uint32();
      const parts = FIELDS.get(field);
      if (parts === undefined) return "unknown";
      for (const part of parts) {
        if (part === "bytes") reader.bytes();
        else if (field === LOG_NUMBER) logNumber = Number(reader.uint64());
        else reader.uint64();
      }
    }
  } catch {
    // No such fields, or cut off.
    return "unknown";
  }
  return logNumber;
}
