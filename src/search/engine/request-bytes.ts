import { concatBytes } from "../../base/index.ts";
import type { WriteBatch } from "../model/write-batch.ts";

/**
 * A write as bytes that are the same for the same request and differ for others: for telling a repetition from another request. JSON in which an
 * array of numbers is its length, then the bytes of all these arrays in their order: as digits they would take longer than all the rest of a write. The kinds of numbers are left out: the
 * same request has other ones, or none, over another protocol.
 */
export function requestBytes({ numberKinds: _, ...batch }: WriteBatch): Uint8Array {
  const numbers: Uint8Array[] = [];
  const plain = (_key: string, value: unknown): unknown => {
    if (typeof value === "bigint") return { bigint: value.toString() };
    if (value instanceof Map) {
      const entries = [...(value as Map<string, unknown>)].sort(([a], [b]) => (a < b ? -1 : 1));
      return { map: entries };
    }
    if (value instanceof Float32Array || value instanceof Uint32Array) {
      numbers.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      return { numbers: value.length };
    }
    return value;
  };
  const text = new TextEncoder().encode(JSON.stringify(batch, plain));
  return concatBytes([text, ...numbers]);
}
