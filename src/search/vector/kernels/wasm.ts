import { assert, fromBase64 } from "../../../base/index.ts";
import type { VectorKernels } from "./kernels.ts";
import { KERNELS_WASM, SHARED_KERNELS_WASM } from "./kernels-wasm.ts";

const PAGE_BYTES = 65_536;
/** The queries, some rows and their results. */
const REGION_BYTES = 4_194_304;

/**
 * Where an instance works. Threads may share a memory: each has an instance with a region of its own. Rows that lie elsewhere in the memory are read
 * where they are, everything else is copied into the region first, which V8 does far more slowly into a shared memory. The memory does not grow.
 */
export interface KernelRegion {
  readonly memory: WebAssembly.Memory;
  readonly offset: number;
  /** At least 1 MiB. */
  readonly sizeBytes: number;
}

interface Exports {
  dotRows(query: number, rows: number, dimensions: number, count: number, out: number): void;
  dotMatrix(...pointersAndSizes: readonly number[]): void;
  squaredDistanceRows(query: number, rows: number, dimensions: number, count: number, out: number): void;
  squaredNormRows(rows: number, dimensions: number, count: number, out: number): void;
  decodeHalves(halves: number, count: number, out: number): void;
  dotInt8Rows(query: number, rows: number, dimensions: number, count: number, out: number): void;
  scanCodes(planes: number, codes: number, codeBytes: number, count: number, out: number): void;
  rotateRows(rows: number, signs: number, dimensions: number, count: number, rounds: number): void;
}

type Numbers = Float32Array | Uint16Array | Int16Array | Int32Array | Int8Array | Uint8Array;

/** Whether this machine runs the kernels: WebAssembly with SIMD and threads, little-endian as the files are. */
export function wasmKernelsRunHere(): boolean {
  return (
    new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 && WebAssembly.validate(decoded(SHARED_KERNELS_WASM))
  );
}

/** The kernels in WebAssembly SIMD, in a memory of their own when none is given. */
export function wasmKernels(region: KernelRegion = ownRegion()): VectorKernels {
  return new WasmKernels(region);
}

function ownRegion(): KernelRegion {
  const pages = REGION_BYTES / PAGE_BYTES;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: false });
  return { memory, offset: 0, sizeBytes: REGION_BYTES };
}

class WasmKernels implements VectorKernels {
  readonly name = "wasm";
  readonly #run: Exports;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor({ memory, offset, sizeBytes }: KernelRegion) {
    assert(sizeBytes >= 1_048_576 && offset % 16 === 0, "search.kernel-region");
    const isShared = memory.buffer instanceof SharedArrayBuffer;
    const module = new WebAssembly.Module(decoded(isShared ? SHARED_KERNELS_WASM : KERNELS_WASM));
    this.#run = new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#start = offset;
    this.#end = offset + sizeBytes;
    assert(this.#end <= this.#bytes.length, "search.kernel-region");
  }

  dotRows(query: Float32Array, rows: Float32Array, out: Float32Array): void {
    this.#eachBlock({ query, rows, rowLength: query.length, out }, (q, r, count, o) => {
      this.#run.dotRows(q, r, query.length, count, o);
    });
  }

  dotMatrix(queries: Float32Array, rows: Float32Array, dimensions: number, out: Float32Array): void {
    const [queryCount, rowCount] = [queries.length / dimensions, rows.length / dimensions];
    // A third of the region for queries, a third for rows; their results need no more than the rest.
    const third = Math.floor((this.#end - this.#start) / 48) * 16;
    const vectorBytes = dimensions * 4;
    const queryBlock = Math.min(Math.floor(third / vectorBytes), 512);
    const rowBlock = Math.min(Math.floor(third / vectorBytes), Math.floor(third / (4 * queryBlock)));
    for (let row = 0; row < rowCount; row += rowBlock) {
      const part = rows.subarray(row * dimensions, (row + rowBlock) * dimensions);
      const count = part.length / dimensions;
      const rowsAt = this.#copyIn(part, this.#start + third);
      for (let query = 0; query < queryCount; query += queryBlock) {
        const asked = queries.subarray(query * dimensions, (query + queryBlock) * dimensions);
        const askedCount = asked.length / dimensions;
        const queriesAt = this.#copyIn(asked, this.#start);
        const outAt = this.#start + 2 * third;
        this.#run.dotMatrix(queriesAt, askedCount, rowsAt, dimensions, count, outAt, count);
        const results = new Float32Array(this.#bytes.buffer, outAt, askedCount * count);
        for (let i = 0; i < askedCount; i++) {
          out.set(results.subarray(i * count, (i + 1) * count), (query + i) * rowCount + row);
        }
      }
    }
  }

  squaredDistanceRows(query: Float32Array, rows: Float32Array, out: Float32Array): void {
    this.#eachBlock({ query, rows, rowLength: query.length, out }, (q, r, count, o) => {
      this.#run.squaredDistanceRows(q, r, query.length, count, o);
    });
  }

  squaredNormRows(rows: Float32Array, dimensions: number, out: Float32Array): void {
    const query = new Float32Array(0);
    this.#eachBlock({ query, rows, rowLength: dimensions, out }, (_, r, count, o) => {
      this.#run.squaredNormRows(r, dimensions, count, o);
    });
  }

  decodeHalves(halves: Uint16Array, out: Float32Array): void {
    const query = new Uint16Array(0);
    this.#eachBlock({ query, rows: halves, rowLength: 1, out }, (_, r, count, o) => {
      this.#run.decodeHalves(r, count, o);
    });
  }

  dotInt8Rows(query: Int16Array, rows: Int8Array, out: Int32Array): void {
    this.#eachBlock({ query, rows, rowLength: query.length, out }, (q, r, count, o) => {
      this.#run.dotInt8Rows(q, r, query.length, count, o);
    });
  }

  scanCodes(planes: Uint8Array, codes: Uint8Array, out: Int32Array): void {
    const codeBytes = planes.length / 4;
    this.#eachBlock({ query: planes, rows: codes, rowLength: codeBytes, out }, (q, r, count, o) => {
      this.#run.scanCodes(q, r, codeBytes, count, o);
    });
  }

  rotateRows(rows: Float32Array, signs: Float32Array, dimensions: number): void {
    const factors = this.#copyIn(signs, this.#start);
    const start = factors + aligned(signs.byteLength);
    const block = Math.floor((this.#end - start) / (dimensions * 4));
    for (let row = 0; row * dimensions < rows.length; row += block) {
      const part = rows.subarray(row * dimensions, (row + block) * dimensions);
      const at = this.#copyIn(part, start);
      const rounds = signs.length / dimensions;
      this.#run.rotateRows(at, factors, dimensions, part.length / dimensions, rounds);
      this.#copyOut(at, part);
    }
  }

  /** Runs over as many rows at a time as the region holds. The kernel may read up to 16 bytes behind its rows and write up to 16 behind its results. */
  #eachBlock(
    work: { query: Numbers; rows: Numbers; rowLength: number; out: Float32Array | Int32Array },
    kernel: (query: number, rows: number, count: number, out: number) => void,
  ): void {
    const { query, rows, rowLength, out } = work;
    const queryAt = this.#copyIn(query, this.#start);
    const start = this.#start + aligned(query.byteLength);
    const inPlace = rows.buffer === this.#bytes.buffer;
    const rowBytes = rowLength * rows.BYTES_PER_ELEMENT;
    const block = Math.floor((this.#end - start - 64) / ((inPlace ? 0 : rowBytes) + 4)) & ~3;
    for (let first = 0; first < out.length; first += block) {
      const count = Math.min(block, out.length - first);
      const part = rows.subarray(first * rowLength, (first + count) * rowLength);
      const rowsAt = inPlace ? part.byteOffset : this.#copyIn(part, start);
      const outAt = inPlace ? start : start + aligned(part.byteLength);
      kernel(queryAt, rowsAt, count, outAt);
      this.#copyOut(outAt, out.subarray(first, first + count));
    }
  }

  #copyIn(numbers: Numbers, at: number): number {
    this.#bytes.set(bytesOf(numbers), at);
    return at;
  }

  #copyOut(at: number, numbers: Numbers): void {
    bytesOf(numbers).set(this.#bytes.subarray(at, at + numbers.byteLength));
  }
}

function decoded(wasm: string): Uint8Array {
  const bytes = fromBase64(wasm);
  assert(bytes !== undefined, "search.kernels-are-base64");
  return bytes;
}

function bytesOf(numbers: Numbers): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

function aligned(sizeBytes: number): number {
  return (sizeBytes + 15) & ~15;
}
