import { MIDDLE_HEAD_BYTES, middleRowBytes } from "../format/middle.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { Scratch } from "../scratch.ts";
import { bytesOfQuery } from "./bytes-of-vectors.ts";
import { Candidates } from "./candidates.ts";
import { squaredLength } from "./near-lists.ts";

/** Standard deviations of the rounding that the error is taken to be. */
const DEVIATIONS = 5;

/** Of `scanMiddle`, which does not wait. */
const [ROWS, DOTS] = [new Scratch(), new Scratch()];

/** Estimates from the middle tier for the vectors at these positions, whose records lie one after another. */
export function scanMiddle(
  kernels: VectorKernels,
  query: Float32Array,
  positions: Uint32Array,
  records: Uint8Array,
): Candidates {
  const dimensions = query.length;
  const rowBytes = middleRowBytes(dimensions);
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const bytes = new Int8Array(records.buffer, records.byteOffset, records.byteLength);
  const rows = ROWS.int8s(positions.length * dimensions);
  for (let i = 0; i < positions.length; i++) {
    const at = i * rowBytes + MIDDLE_HEAD_BYTES;
    rows.set(bytes.subarray(at, at + dimensions), i * dimensions);
  }
  const squaredNorm = squaredLength(kernels, query);
  const { steps, scale: queryScale } = bytesOfQuery(query);
  const dots = DOTS.int32s(positions.length);
  kernels.dotInt8Rows(steps, rows, dots);
  const found = new Candidates();
  const [queryLength, rootOfDimensions] = [Math.sqrt(squaredNorm), Math.sqrt(dimensions)];
  found.add(positions.length, ({ positions: at, keys, errors }) => {
    let sum = 0;
    for (let i = 0; i < positions.length; i++) {
      const scale = view.getFloat32(i * rowBytes, true);
      const norm = view.getFloat32(i * rowBytes + 4, true);
      const key = norm + squaredNorm - 2 * scale * queryScale * dots[i]!;
      // Twice the product's deviation: both sides were rounded evenly within a step; a stored number is about a third of the largest.
      const stored = scale * queryLength;
      const asked = queryScale * scale * 42 * rootOfDimensions;
      const error = DEVIATIONS * 2 * Math.sqrt((stored * stored + asked * asked) / 12);
      at[i] = positions[i]!;
      keys[i] = key;
      errors[i] = error;
      sum += key + error;
    }
    return sum;
  });
  return found;
}
