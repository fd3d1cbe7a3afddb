import type { WriteBatch } from "../model/write-batch.ts";

/** A write as bytes that are the same for the same request and differ for others: for telling a repetition from another request. */
export function requestBytes(batch: WriteBatch): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(batch, plain));
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return { bigint: value.toString() };
  if (value instanceof Map) {
    const entries = [...(value as Map<string, unknown>)].sort(([a], [b]) => (a < b ? -1 : 1));
    return { map: entries };
  }
  if (value instanceof Float32Array || value instanceof Uint32Array) return { array: [...value] };
  return value;
}
