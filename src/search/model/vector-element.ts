import { unreachable } from "../../base/index.ts";
import { invalid } from "../errors.ts";
import { at } from "./plain.ts";
import type { VectorElement } from "./schema.ts";

const GREATEST_F16 = 65_504;

/** The vector as `element` can represent it: f16 rounds to nearest, ties to even; i8 takes whole numbers from -128 to 127 and nothing else. */
export function toElement(vector: Float32Array, element: VectorElement, path: string): Float32Array {
  switch (element) {
    case "f32":
      return vector;
    case "f16":
      return vector.map((value, i) => {
        const rounded = roundToF16(value);
        if (Number.isFinite(rounded)) return rounded;
        throw invalid(`${at(path)}element ${i} is beyond what f16 holds, ${GREATEST_F16}`, { path });
      });
    case "i8": {
      const misfit = vector.findIndex((value) => !Number.isInteger(value) || value < -128 || value > 127);
      if (misfit < 0) return vector;
      throw invalid(`${at(path)}element ${misfit} is no whole number from -128 to 127`, { path });
    }
    default:
      return unreachable(element);
  }
}

/** The nearest half-precision number (IEEE 754 binary16), ties to even; infinite beyond the greatest. */
export function roundToF16(value: number): number {
  const size = Math.abs(value);
  // Below 2^-14 the spacing no longer shrinks with the exponent (subnormal numbers): it stays at 2^-24.
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size));
  const spacing = 2 ** (exponent - 10);
  const rounded = roundToEven(size / spacing) * spacing;
  if (rounded > GREATEST_F16) return value < 0 ? -Infinity : Infinity;
  return value < 0 ? -rounded : rounded;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
