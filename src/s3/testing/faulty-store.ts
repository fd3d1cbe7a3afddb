import { ObjectError, type ObjectStore } from "../../object/index.ts";

/** An object store whose methods a test may replace, and whose reads it may break off. */
export type FaultyStore = { -readonly [Method in keyof ObjectStore]: ObjectStore[Method] } & {
  /** Set to make reads fail after so many bytes, as when no good copy is left. */
  failReadsAfterBytes: number | undefined;
};

export function faultyStore(objects: ObjectStore): FaultyStore {
  const store: FaultyStore = {
    ...objects,
    failReadsAfterBytes: undefined,
    getObject: async (request) => {
      const result = await objects.getObject(request);
      const { failReadsAfterBytes } = store;
      if (failReadsAfterBytes === undefined) return result;
      return { ...result, body: brokenOff(result.body, failReadsAfterBytes) };
    },
  };
  return store;
}

async function* brokenOff(body: AsyncIterable<Uint8Array>, afterBytes: number): AsyncGenerator<Uint8Array> {
  let left = afterBytes;
  for await (const piece of body) {
    if (piece.length > left) {
      if (left > 0) yield piece.subarray(0, left);
      throw new ObjectError("data-unavailable", "no good copy can be read");
    }
    left -= piece.length;
    yield piece;
  }
}
