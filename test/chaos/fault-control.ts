/** The control file of the preloaded library (native/faults.c draws it). */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

const CONTROL_BYTES = 256;
const SYNCS_FAIL_AT = 0;
const WRITES_FAIL_AT = 4;
const CLOCK_OFFSET_AT = 8;
const GIVEN_AT = 16;
const PATH_AT = 24;
const NANOSECONDS_IN_MS = 1_000_000n;

export class FaultControl {
  readonly path: string;
  readonly #file: number;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "w+", 0o600);
    ftruncateSync(this.#file, CONTROL_BYTES);
  }

  /** From now on this call fails with EIO on files whose path contains `part`. */
  fail(call: "sync" | "write", part: string): void {
    const text = Buffer.alloc(CONTROL_BYTES - PATH_AT);
    text.write(part);
    writeSync(this.#file, text, 0, text.length, PATH_AT);
    this.#writeFlag(call === "sync" ? SYNCS_FAIL_AT : WRITES_FAIL_AT, 1);
  }

  failNothing(): void {
    this.#writeFlag(SYNCS_FAIL_AT, 0);
    this.#writeFlag(WRITES_FAIL_AT, 0);
  }

  /** How far the node's wall clock is ahead of the machine's, in milliseconds. */
  setClockOffset(offsetMs: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(offsetMs) * NANOSECONDS_IN_MS);
    writeSync(this.#file, bytes, 0, bytes.length, CLOCK_OFFSET_AT);
  }

  /** How many calls have failed so far because of this. */
  given(): number {
    const bytes = Buffer.alloc(8);
    readSync(this.#file, bytes, 0, bytes.length, GIVEN_AT);
    return Number(bytes.readBigUInt64LE());
  }

  close(): void {
    closeSync(this.#file);
  }

  #writeFlag(at: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    writeSync(this.#file, bytes, 0, bytes.length, at);
  }
}
