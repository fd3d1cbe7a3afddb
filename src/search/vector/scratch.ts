/**
 * Memory for what lives within one synchronous call, used again by the next: a query would allocate a megabyte of it. What it gives is valid until it is asked again,
 * and holds whatever was there before. It keeps as much as the largest call took.
 */
export class Scratch {
  #bytes = new ArrayBuffer(0);

  uint32s(count: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.#atLeast(count * 4), 0, count);
  }

  int32s(count: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#atLeast(count * 4), 0, count);
  }

  int8s(count: number): Int8Array<ArrayBuffer> {
    return new Int8Array(this.#atLeast(count), 0, count);
  }

  #atLeast(sizeBytes: number): ArrayBuffer {
    if (this.#bytes.byteLength < sizeBytes)
      this.#bytes = new ArrayBuffer(Math.max(sizeBytes, 2 * this.#bytes.byteLength));
    return this.#bytes;
  }
}
