/** Reads parts of one immutable file. What it returns is verified. */
export interface RangeReader {
  readonly sizeBytes: number;
  /** Rejects with SearchError "data-damaged" when the bytes are not what was written. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Several parts in one wave: none waits for another. In the order that was asked for. */
  readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]>;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}
