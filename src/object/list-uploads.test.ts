/** The promise: a list of uploads has every upload that is there all the time, once, and says whether there are more. */
import { describe, expect, it } from "vitest";
import { BUCKET, ObjectRig } from "./testing/object-rig.ts";
import { beginUpload } from "./testing/slices.ts";

/** More than the rows that one read of the state gives. */
const MANY = 600;

const rig = ObjectRig.forEachTest();

const begin = (key: string): Promise<string> => beginUpload(rig.node, BUCKET, key);

/** `MANY` uploads, one a key: the keys in order. */
async function beginMany(prefix: string): Promise<string[]> {
  const keys = Array.from({ length: MANY }, (_, at) => `${prefix}${String(at).padStart(4, "0")}`);
  for (const key of keys) await begin(key);
  return keys;
}

async function list(delimiter: string, limit: number, after = { key: "", uploadId: "" }) {
  const request = { prefix: "", delimiter, afterKey: after.key, afterUploadId: after.uploadId, limit };
  const { uploads, commonPrefixes, next } = await rig.node.objects.listUploads({
    bucket: BUCKET,
    ...request,
  });
  return { keys: uploads.map(({ key }) => key), commonPrefixes, next };
}

describe("a list of uploads", () => {
  it("with a delimiter shows each once, also those behind a common prefix", async () => {
    await begin("a/1");
    await begin("a/2");
    const keys = await beginMany("b");
    await begin("c/1");
    expect(await list("/", 1000)).toEqual({ keys, commonPrefixes: ["a/", "c/"], next: undefined });
  });

  it.each([7, 255, 256, 257])("shows each once in pages of %i", async (limit) => {
    await begin("a/1");
    const keys = await beginMany("b");
    await begin("c/1");
    const seen: string[] = [];
    const prefixes: string[] = [];
    let after: { key: string; uploadId: string } | undefined = { key: "", uploadId: "" };
    while (after !== undefined) {
      const page = await list("/", limit, after);
      seen.push(...page.keys);
      prefixes.push(...page.commonPrefixes);
      after = page.next;
    }
    expect(seen).toEqual(keys);
    expect(prefixes).toEqual(["a/", "c/"]);
  });

  it("goes on to its end when an upload goes away while it is read", async () => {
    const [first, ...others] = await beginMany("b");
    const { uploads } = await rig.node.objects.listUploads({
      bucket: BUCKET,
      prefix: "",
      delimiter: "",
      afterKey: "",
      afterUploadId: "",
      limit: 1,
    });
    abortBetweenReads({ bucket: BUCKET, key: first!, uploadId: uploads[0]!.uploadId });
    const { keys, next } = await list("", 1000);
    expect(keys.filter((key) => key !== first)).toEqual(others);
    expect(next).toBeUndefined();
  });
});

/** From now on the upload is aborted between the first read of rows by their keys and what is read next. */
function abortBetweenReads(upload: { bucket: string; key: string; uploadId: string }): void {
  const { store, objects } = rig.node;
  let isDone = false;
  const interrupted =
    (getMany: typeof store.getMany): typeof store.getMany =>
    async (keys) => {
      if (!isDone) {
        isDone = true;
        await objects.abortUpload(upload);
      }
      return getMany(keys);
    };
  const snapshot = store.snapshot.bind(store);
  Object.assign(store, {
    getMany: interrupted(store.getMany.bind(store)),
    snapshot: () => {
      const still = snapshot();
      return { ...still, getMany: interrupted(still.getMany) };
    },
  });
}
