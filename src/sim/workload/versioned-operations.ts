import { equalBytes } from "../../base/index.ts";
import { type GetObjectResult, ObjectError, type ObjectStore } from "../../object/index.ts";
import type {
  HistoryRecorder,
  Invocation,
  VersionedInput,
  VersionedOutput,
} from "../checkers/linearizability/index.ts";
import type { Coverage } from "../coverage.ts";
import { check } from "../failure.ts";
import type { Failure } from "./answers.ts";
import type { Contents } from "./content.ts";
import type { Caller, Execution } from "./operations.ts";
import { bodyOf, NO_ATTRIBUTES, OWNER, readAll } from "./requests.ts";
import type { VersionedOperation } from "./versioned-plan.ts";

type Recorded = Invocation<VersionedOutput>;

const KEY = "key";
/** Read by its id, a version never changes; this one is whatever was written last while versioning was not enabled. */
const NULL_ID = "null";
const LISTED_AT_MOST = 1000;

/** Carries planned operations on versioned buckets out, and records what clients see of them. */
export class VersionedOperations {
  readonly #contents: Contents;
  readonly #history: HistoryRecorder<VersionedInput, VersionedOutput>;
  readonly #coverage: Coverage;
  readonly #made = new Set<string>();
  /** By bucket: the ids that clients have seen, the newest last. */
  readonly #seen = new Map<string, string[]>();
  /** By bucket and id: what it was when it was seen first; undefined: a delete marker. */
  readonly #known = new Map<string, string | undefined>();

  constructor(
    contents: Contents,
    history: HistoryRecorder<VersionedInput, VersionedOutput>,
    coverage: Coverage,
  ) {
    this.#contents = contents;
    this.#history = history;
    this.#coverage = coverage;
  }

  begin(operation: VersionedOperation & { readonly id: number }, caller: Caller): Execution {
    const bucket = `versions-${operation.bucket}`;
    let open: Recorded | undefined;
    const invoke = (input: VersionedInput): Recorded => {
      const recorded = this.#history.invoke(caller.client, input);
      open = recorded;
      // What goes wrong behind an answer, as the bytes of a version may, does not take it back.
      const returned = (output: VersionedOutput): void => {
        open = undefined;
        recorded.returned(output);
      };
      return { ...recorded, returned };
    };
    const act = async (): Promise<string> => {
      await this.#make(bucket, caller.objects);
      return await this.#act(bucket, operation, { ...caller, invoke });
    };
    return {
      answer: act(),
      failed: (failure) => settle(open, failure),
      lost: () => undefined,
    };
  }

  /** The first that comes makes the bucket; who does not know whether that worked tries again. */
  async #make(bucket: string, objects: ObjectStore): Promise<void> {
    if (this.#made.has(bucket)) return;
    try {
      await objects.createBucket({ bucket, region: "simulated", owner: OWNER });
    } catch (error) {
      if (!(error instanceof ObjectError) || error.code !== "bucket-owned-by-you") throw error;
    }
    this.#made.add(bucket);
  }

  #act(
    bucket: string,
    { action, id }: VersionedOperation & { readonly id: number },
    caller: Caller & { readonly invoke: (input: VersionedInput) => Recorded },
  ): Promise<string> {
    const { objects, invoke } = caller;
    switch (action.kind) {
      case "enable":
      case "suspend":
        return this.#setVersioning(bucket, action.kind === "enable" ? "enabled" : "suspended", caller);
      case "put":
        return this.#put(bucket, this.#contents.make(`version ${id}`, action.sizeBytes), caller);
      case "delete":
        return this.#delete(bucket, objects, invoke({ kind: "delete", bucket }));
      case "get":
        return this.#get(bucket, undefined, caller);
      case "list":
        return this.#list(bucket, objects, invoke({ kind: "list", bucket }));
      case "get-version":
        return this.#get(bucket, this.#pick(bucket, action.pick), caller);
      case "delete-version": {
        const versionId = this.#pick(bucket, action.pick);
        return this.#deleteVersion(bucket, versionId, caller);
      }
    }
  }

  async #setVersioning(
    bucket: string,
    versioning: "enabled" | "suspended",
    { objects, invoke }: Caller & { readonly invoke: (input: VersionedInput) => Recorded },
  ): Promise<string> {
    const recorded = invoke({ kind: "set-versioning", bucket, versioning });
    await objects.putBucketVersioning({ bucket, versioning });
    recorded.returned({ kind: "done", versionId: undefined });
    if (versioning === "suspended") this.#coverage.mark("versioning suspended");
    return versioning;
  }

  async #put(
    bucket: string,
    content: { readonly bytes: Uint8Array; readonly etag: string },
    {
      objects,
      invoke,
      signal,
    }: Caller & {
      readonly invoke: (input: VersionedInput) => Recorded;
    },
  ): Promise<string> {
    const recorded = invoke({ kind: "put", bucket, content: content.etag });
    const body = bodyOf(content.bytes);
    const request = { bucket, key: KEY, body, attributes: NO_ATTRIBUTES, owner: OWNER, signal };
    const { versionId } = await objects.putObject(request);
    recorded.returned({ kind: "done", versionId });
    this.#saw(bucket, versionId, content.etag);
    return `version ${versionId} is ${content.etag}`;
  }

  async #delete(bucket: string, objects: ObjectStore, recorded: Recorded): Promise<string> {
    const { versionId, deleteMarker } = await objects.deleteObject({ bucket, key: KEY });
    check(
      deleteMarker === (versionId !== undefined),
      "answers",
      () => `a marker without an id: ${versionId}`,
    );
    recorded.returned({ kind: "done", versionId });
    this.#saw(bucket, versionId, undefined);
    if (deleteMarker) this.#coverage.mark("delete marker made");
    return `marked by ${versionId}`;
  }

  async #deleteVersion(
    bucket: string,
    versionId: string,
    { objects, invoke }: Caller & { readonly invoke: (input: VersionedInput) => Recorded },
  ): Promise<string> {
    const recorded = invoke({ kind: "delete-version", bucket, versionId });
    await objects.deleteObject({ bucket, key: KEY, versionId });
    recorded.returned({ kind: "done", versionId });
    this.#coverage.mark("version removed");
    return `removed ${versionId}`;
  }

  async #get(
    bucket: string,
    versionId: string | undefined,
    {
      objects,
      invoke,
      signal,
    }: Caller & {
      readonly invoke: (input: VersionedInput) => Recorded;
    },
  ): Promise<string> {
    const recorded = invoke(
      versionId === undefined ? { kind: "get", bucket } : { kind: "get-version", bucket, versionId },
    );
    const result = await objects.getObject({ bucket, key: KEY, versionId, caller: { signal } });
    const { info } = result;
    recorded.returned({ kind: "found", content: info.etag, versionId: info.versionId });
    this.#saw(bucket, info.versionId, info.etag);
    if (versionId !== undefined) this.#coverage.mark("version read by its id");
    await this.#checkBytes(bucket, result);
    return `got ${info.versionId} ${info.etag}`;
  }

  async #checkBytes(bucket: string, result: GetObjectResult): Promise<void> {
    const expected = this.#contents.bytesOf(result.info.etag);
    const read = await readAll(result);
    check(
      expected !== undefined && equalBytes(read, expected),
      "bytes",
      () => `${bucket} version ${result.info.versionId} came back with other bytes than ${result.info.etag}`,
    );
  }

  async #list(bucket: string, objects: ObjectStore, recorded: Recorded): Promise<string> {
    const page = {
      prefix: "",
      delimiter: "",
      afterKey: "",
      afterVersionId: undefined,
      limit: LISTED_AT_MOST,
    };
    const { versions } = await objects.listVersions({ bucket, ...page });
    const listed = versions.map(({ versionId, etag, deleteMarker, isLatest }) => ({
      versionId,
      content: deleteMarker ? undefined : etag,
      isLatest,
    }));
    recorded.returned({ kind: "listed", versions: listed });
    for (const { versionId, content } of listed.toReversed()) this.#saw(bucket, versionId, content);
    return `listed ${listed.length} versions`;
  }

  /** Mostly one of the newest that anybody has seen; none yet: the one that was never given an id. */
  #pick(bucket: string, part: number): string {
    const seen = this.#seen.get(bucket) ?? [];
    return seen[seen.length - 1 - Math.floor(part * part * seen.length)] ?? NULL_ID;
  }

  #saw(bucket: string, versionId: string | undefined, content: string | undefined): void {
    if (versionId === undefined) return;
    const name = `${bucket} ${versionId}`;
    const isKnown = this.#known.has(name);
    if (isKnown && versionId !== NULL_ID) {
      const before = this.#known.get(name);
      check(before === content, "a version never changes", () => `${name} was ${before}, and is ${content}`);
    }
    if (isKnown) return;
    this.#known.set(name, content);
    const seen = this.#seen.get(bucket) ?? [];
    seen.push(versionId);
    this.#seen.set(bucket, seen);
  }
}

function settle(recorded: Recorded | undefined, failure: Exclude<Failure, "unexpected">): void {
  if (failure === "absent") recorded?.returned({ kind: "absent" });
  else if (failure === "no-effect") recorded?.refused();
}
