import { equalBytes } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import type { OutsideStore } from "./outside-store.ts";

const PROBE_BYTES = 1_000;

/**
 * Tries out what blobs rely on: a name is given once, what is read is what was written, and what is deleted is gone. Undefined: all is well; otherwise what the store does
 * wrong, for people. What a probe that breaks off leaves has a name like any other garbage.
 */
export async function probeStore(
  store: OutsideStore,
  { name, randomBytes }: { readonly name: string; readonly randomBytes: (length: number) => Uint8Array },
  signal: AbortSignal,
): Promise<string | undefined> {
  const bytes = randomBytes(PROBE_BYTES);
  try {
    if ((await store.putIfAbsent(name, bytes, signal)) !== "written")
      return "a name that was never used is taken";
    const problem = await problemOf(store, { name, bytes, other: randomBytes(PROBE_BYTES) }, signal);
    await store.delete(name, signal);
    if (problem !== undefined) return problem;
    await store.delete(name, signal);
    const left = await store.read(name, { offset: 0, length: 1 }, signal);
    return left === undefined ? undefined : "what was deleted can still be read";
  } catch (error) {
    if (error instanceof SearchError && !signal.aborted) return error.message;
    throw error;
  }
}

async function problemOf(
  store: OutsideStore,
  written: { readonly name: string; readonly bytes: Uint8Array; readonly other: Uint8Array },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { name, bytes, other } = written;
  if ((await store.putIfAbsent(name, other, signal)) !== "exists")
    return "it takes a second write under a name that is taken (If-None-Match: *)";
  const middle = { offset: 100, length: 200 };
  const part = await store.read(name, middle, signal);
  if (part === undefined || !equalBytes(part, bytes.subarray(100, 300)))
    return "it does not give back the part of an object that was asked for";
  const whole = await store.read(name, { offset: 0, length: bytes.length }, signal);
  if (whole === undefined || !equalBytes(whole, bytes)) return "it does not give back what was written";
  const listed = await store.list({ after: before(name), limit: 10 }, signal);
  return listed.names.includes(name) ? undefined : "it does not list what was written";
}

/** A name right before this one, so that a page is enough to find it. */
function before(name: string): string {
  return name.slice(0, -1);
}
