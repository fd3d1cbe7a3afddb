import { ObjectError, type VersionAddress } from "../../object/index.ts";
import type { Call } from "./call.ts";

/** How often an object is looked at that others write over, or change what it is judged by, at the same time. */
const ATTEMPTS = 5;

export type SeenObject = Awaited<ReturnType<Call["store"]["getObjectAcl"]>>;

/** The version, judged where that depends on it. What is not there shows itself only to those who may see that. */
export async function judgedObject(address: VersionAddress, call: Call): Promise<SeenObject> {
  const object = await call.store.getObjectAcl(address).catch(async (error: unknown) => {
    if (error instanceof ObjectError && call.admit !== undefined) {
      call.admit(await call.store.objectAccess(address));
    }
    throw error;
  });
  call.admit?.(object);
  return object;
}

/** Begins again with another look where the version was not what had been seen any more. */
export async function changeSeen<T>(
  first: SeenObject,
  look: () => Promise<SeenObject>,
  change: (object: SeenObject) => Promise<T>,
): Promise<T> {
  let object = first;
  for (let attempt = 1; ; attempt++) {
    try {
      return await change(object);
    } catch (error) {
      const hasChanged = error instanceof ObjectError && error.code === "version-changed";
      if (!hasChanged || attempt === ATTEMPTS) throw error;
    }
    object = await look();
  }
}

/**
 * Changes what is said about a version. Where it depends on the object whether the caller may (its tags, its owner), the very version that was judged is changed, as long as
 * it still is what was judged; else nothing is read first, and the later change counts. `read` is what the request asks for, read after it was judged.
 */
export async function changeJudged<W, T>(
  address: VersionAddress,
  call: Call,
  read: () => Promise<W>,
  change: (wanted: W, seen: SeenObject["seen"] | undefined) => Promise<T>,
): Promise<T> {
  if (call.admit === undefined) return await change(await read(), undefined);
  const look = () => judgedObject(address, call);
  const first = await look();
  const wanted = await read();
  return await changeSeen(first, look, (object) => change(wanted, object.seen));
}
