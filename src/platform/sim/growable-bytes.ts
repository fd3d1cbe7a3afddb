/** Bytes that grow; what was never written is zero. */
export class GrowableBytes {
  #bytes = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many bytes were there. */
  read(position: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.length, this.#size - position));
    into.set(this.#bytes.subarray(position, position + count));
    return count;
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (position + bytes.length > this.#size) this.resize(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    // What is cut off must not come back when the file grows again.
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }

  flipBit(position: number, bit: number): void {
    if (position < this.#size) this.#bytes[position] = this.#bytes[position]! ^ (1 << bit);
  }

  clone(): GrowableBytes {
    const copy = new GrowableBytes();
    copy.#bytes = this.#bytes.slice(0, this.#size);
    copy.#size = this.#size;
    return copy;
  }
}
