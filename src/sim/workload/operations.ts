import { equalBytes } from "../../base/index.ts";
import type { GetObjectResult, ObjectStore } from "../../object/index.ts";
import type { NamespaceService } from "../../search/index.ts";
import type {
  HistoryRecorder,
  Invocation,
  ObjectInput,
  ObjectOutput,
} from "../checkers/linearizability/index.ts";
import { BUCKET } from "../cluster/node-config.ts";
import type { Coverage } from "../coverage.ts";
import { check } from "../failure.ts";
import { enginePort } from "../namespaces/engine-port.ts";
import type { NamespaceOperations } from "../namespaces/operations.ts";
import type { Failure } from "./answers.ts";
import type { Contents } from "./content.ts";
import type { Condition, Operation, PlannedOperation } from "./plan.ts";
import { bodyOf, encryptedIf, keyName, NO_ATTRIBUTES, OWNER, readAll } from "./requests.ts";
import { isEncrypted, type PlannedRotations } from "./rotation-plan.ts";
import type { VersionedOperations } from "./versioned-operations.ts";

type OperationOf<K extends Operation["kind"]> = Extract<Operation, { kind: K }>;
type Recorded = Invocation<ObjectOutput>;

export interface Caller {
  readonly client: number;
  readonly objects: ObjectStore;
  readonly search: NamespaceService;
  readonly signal: AbortSignal;
}

/** An operation under way. Exactly one thing comes of it: the answer resolves, or `failed`, or `lost`. */
export interface Execution {
  /** What it said, for the trace; rejects as the object store does. */
  readonly answer: Promise<string>;
  failed(failure: Exclude<Failure, "unexpected">): void;
  /** Nobody knows. */
  lost(): void;
}

export interface OperationsOptions {
  readonly contents: Contents;
  readonly history: HistoryRecorder<ObjectInput, ObjectOutput>;
  readonly versioned: VersionedOperations;
  readonly namespaces: NamespaceOperations;
  readonly coverage: Coverage;
  readonly rotations: PlannedRotations;
}

/** Carries planned operations out on an object store, records what clients see, and checks the bytes that come back. */
export class Operations {
  readonly #contents: Contents;
  readonly #history: HistoryRecorder<ObjectInput, ObjectOutput>;
  readonly #versioned: VersionedOperations;
  readonly #namespaces: NamespaceOperations;
  readonly #coverage: Coverage;
  readonly #rotations: PlannedRotations;
  /** By client and key: the ETag seen last. */
  readonly #lastSeen = new Map<string, string>();
  /** Keys of which is not known what a copy may have written. */
  readonly unclear = new Set<string>();

  constructor({ contents, history, versioned, namespaces, coverage, rotations }: OperationsOptions) {
    this.#rotations = rotations;
    this.#contents = contents;
    this.#versioned = versioned;
    this.#namespaces = namespaces;
    this.#history = history;
    this.#coverage = coverage;
  }

  begin(operation: PlannedOperation, caller: Caller): Execution {
    switch (operation.kind) {
      case "put":
        return this.#put(operation, caller);
      case "multipart":
        return this.#multipart(operation, caller);
      case "copy":
        return this.#copy(operation, caller);
      case "delete":
        return this.#delete(operation, caller);
      case "delete-many":
        return this.#deleteMany(operation, caller);
      case "get":
      case "range":
        return this.#get(operation, caller);
      case "head":
        return this.#head(operation, caller);
      case "list":
        return this.#list(operation, caller);
      case "versioned":
        return this.#versioned.begin(operation, caller);
      case "namespace":
        return this.#onNamespace(operation, caller);
    }
  }

  /** What came of it, its history knows: a write without an answer stays open there. */
  #onNamespace(operation: OperationOf<"namespace"> & { readonly id: number }, caller: Caller): Execution {
    const answer = this.#namespaces.perform(operation, enginePort(caller.search, caller.signal));
    return { answer, failed: () => undefined, lost: () => undefined };
  }

  #put(operation: OperationOf<"put"> & { readonly id: number }, caller: Caller): Execution {
    const key = keyName(operation.key);
    const content = this.#contents.make(`put ${operation.id}`, operation.sizeBytes);
    const condition = this.#condition(operation.condition, caller.client, key);
    const recorded = this.#history.invoke(caller.client, {
      kind: "put",
      bucket: BUCKET,
      key,
      content: content.etag,
      ...condition.recorded,
    });
    const put = async (): Promise<string> => {
      const result = await caller.objects.putObject({
        bucket: BUCKET,
        key,
        body: bodyOf(content.bytes),
        attributes: NO_ATTRIBUTES,
        ...condition.asked,
        ...encryptedIf(isEncrypted(this.#rotations, operation.id)),
        owner: OWNER,
        signal: caller.signal,
      });
      check(
        result.etag === content.etag,
        "answers",
        () => `put ${operation.id} answered with ${result.etag}`,
      );
      this.#saw(caller.client, key, result.etag);
      recorded.returned({ kind: "done" });
      return `put ${result.etag}`;
    };
    return write(put(), recorded);
  }

  #multipart(operation: OperationOf<"multipart"> & { readonly id: number }, caller: Caller): Execution {
    const key = keyName(operation.key);
    const parts = operation.partBytes.map((size, at) =>
      this.#contents.make(`part ${operation.id} ${at}`, size),
    );
    const whole = this.#contents.join(parts);
    let recorded: Recorded | undefined;
    const upload = async (): Promise<string> => {
      const { objects, signal } = caller;
      const { uploadId } = await objects.createUpload({
        bucket: BUCKET,
        key,
        attributes: NO_ATTRIBUTES,
        ...encryptedIf(isEncrypted(this.#rotations, operation.id)),
        owner: OWNER,
        checksumAlgorithm: undefined,
        checksumType: undefined,
      });
      const address = { bucket: BUCKET, key, uploadId };
      for (const [at, part] of parts.entries()) {
        const body = bodyOf(part.bytes);
        await objects.uploadPart({ ...address, partNumber: at + 1, body, signal });
      }
      if (operation.isAborted) {
        await objects.abortUpload(address);
        return "upload aborted";
      }
      recorded = this.#history.invoke(caller.client, {
        kind: "put",
        bucket: BUCKET,
        key,
        content: whole.etag,
      });
      const listed = parts.map(({ etag }, at) => ({ partNumber: at + 1, etag }));
      const result = await objects.completeUpload({ ...address, parts: listed });
      check(
        result.etag === whole.etag,
        "answers",
        () => `upload ${operation.id} answered with ${result.etag}`,
      );
      this.#saw(caller.client, key, result.etag);
      recorded.returned({ kind: "done" });
      this.#coverage.mark("multipart completed");
      return `multipart ${result.etag}`;
    };
    return {
      answer: upload(),
      failed: (failure) => settle(recorded, failure),
      lost: () => undefined,
    };
  }

  /** The content is known from the answer; without one it may be any that the source ever had. */
  #copy(operation: OperationOf<"copy">, caller: Caller): Execution {
    const from = keyName(operation.from);
    const key = keyName(operation.to);
    const put = { kind: "put" as const, bucket: BUCKET, key, content: "" };
    const recorded = this.#history.invoke(caller.client, put);
    const copy = async (): Promise<string> => {
      const result = await caller.objects.copyObject({
        sourceBucket: BUCKET,
        sourceKey: from,
        bucket: BUCKET,
        key,
        // Also onto itself.
        attributes: NO_ATTRIBUTES,
        owner: OWNER,
        signal: caller.signal,
      });
      check(this.#contents.bytesOf(result.etag) !== undefined, "answers", () => `a copy of ${result.etag}`);
      put.content = result.etag;
      recorded.returned({ kind: "done" });
      this.#saw(caller.client, key, result.etag);
      this.#coverage.mark("copy made");
      return `copied ${result.etag}`;
    };
    const unclear = (): void => void this.unclear.add(key);
    return {
      answer: copy(),
      failed: (failure) => (failure === "unknown" ? unclear() : recorded.refused()),
      lost: unclear,
    };
  }

  #delete(operation: OperationOf<"delete">, caller: Caller): Execution {
    const key = keyName(operation.key);
    const condition = this.#condition(operation.condition, caller.client, key);
    const recorded = this.#history.invoke(caller.client, {
      kind: "delete",
      bucket: BUCKET,
      key,
      ...condition.recorded,
    });
    const remove = async (): Promise<string> => {
      await caller.objects.deleteObject({ bucket: BUCKET, key, ...condition.asked });
      recorded.returned({ kind: "done" });
      return "deleted";
    };
    return write(remove(), recorded);
  }

  #deleteMany(operation: OperationOf<"delete-many">, caller: Caller): Execution {
    const keys = operation.keys.map(keyName);
    const recorded = keys.map((key) =>
      this.#history.invoke(caller.client, { kind: "delete", bucket: BUCKET, key }),
    );
    const remove = async (): Promise<string> => {
      const targets = keys.map((key) => ({ key }));
      const outcomes = await caller.objects.deleteObjects({ bucket: BUCKET, targets });
      check(outcomes.length === keys.length, "answers", () => "delete many answered for other keys");
      for (const [at, outcome] of outcomes.entries()) {
        check(outcome.kind === "deleted", "answers", () => `delete many refused ${keys[at]}`);
        recorded[at]!.returned({ kind: "done" });
      }
      return `deleted ${keys.length}`;
    };
    return {
      answer: remove(),
      failed: (failure) => {
        for (const one of recorded) settle(one, failure);
      },
      lost: () => undefined,
    };
  }

  #get(operation: OperationOf<"get"> | OperationOf<"range">, caller: Caller): Execution {
    const key = keyName(operation.key);
    const recorded = this.#history.invoke(caller.client, { kind: "get", bucket: BUCKET, key });
    let isRecorded = false;
    const get = async (): Promise<string> => {
      const range =
        operation.kind === "range"
          ? ({ kind: "suffix", length: 1 + Math.floor(operation.from * 4000) } as const)
          : undefined;
      const request = { bucket: BUCKET, key, caller };
      const result = await caller.objects.getObject(range ? { ...request, range } : request);
      recorded.returned({ kind: "found", content: result.info.etag });
      isRecorded = true;
      this.#saw(caller.client, key, result.info.etag);
      await this.#checkBytes(key, result);
      return `got ${result.info.etag}`;
    };
    return {
      answer: get(),
      failed: (failure) => {
        if (!isRecorded) settleRead(recorded, failure);
      },
      lost: () => undefined,
    };
  }

  async #checkBytes(key: string, result: GetObjectResult): Promise<void> {
    const expected = this.#contents.bytesOf(result.info.etag);
    check(
      expected !== undefined,
      "bytes",
      () => `${key} has the ETag ${result.info.etag}, which nobody wrote`,
    );
    const read = await readAll(result);
    const slice = expected.subarray(result.first, result.first + result.length);
    check(equalBytes(read, slice), "bytes", () => `${key} ${result.info.etag} came back with other bytes`);
  }

  #head(operation: OperationOf<"head">, caller: Caller): Execution {
    const key = keyName(operation.key);
    const recorded = this.#history.invoke(caller.client, { kind: "head", bucket: BUCKET, key });
    const head = async (): Promise<string> => {
      const info = await caller.objects.headObject({ bucket: BUCKET, key });
      recorded.returned({ kind: "found", content: info.etag });
      this.#saw(caller.client, key, info.etag);
      return `is ${info.etag}`;
    };
    return { answer: head(), failed: (failure) => settleRead(recorded, failure), lost: () => undefined };
  }

  #list({ limit }: OperationOf<"list">, caller: Caller): Execution {
    const page = { prefix: "", after: "", limit };
    const recorded = this.#history.invoke(caller.client, { kind: "list", bucket: BUCKET, ...page });
    const list = async (): Promise<string> => {
      const result = await caller.objects.listObjects({ bucket: BUCKET, delimiter: "", ...page });
      const objects = result.objects.map(({ key, etag }) => ({ key, content: etag }));
      recorded.returned({ kind: "listed", objects, isTruncated: result.next !== undefined });
      return `listed ${objects.length}`;
    };
    return { answer: list(), failed: (failure) => settleRead(recorded, failure), lost: () => undefined };
  }

  #condition(condition: Condition, client: number, key: string) {
    const etag = this.#lastSeen.get(`${client} ${key}`);
    if (condition === "if-absent") {
      return { recorded: { ifAbsent: true }, asked: { preconditions: { ifNoneMatch: ["*"] } } };
    }
    if (condition === "if-last-seen" && etag !== undefined) {
      return { recorded: { ifMatch: etag }, asked: { preconditions: { ifMatch: [etag] } } };
    }
    return { recorded: {}, asked: {} };
  }

  #saw(client: number, key: string, etag: string): void {
    this.#lastSeen.set(`${client} ${key}`, etag);
  }
}

function write(answer: Promise<string>, recorded: Recorded): Execution {
  return { answer, failed: (failure) => settle(recorded, failure), lost: () => undefined };
}

/** A conditional write is refused also where there is no object to compare with. */
function settle(recorded: Recorded | undefined, failure: Exclude<Failure, "unexpected">): void {
  if (failure === "refused" || failure === "absent") recorded?.returned({ kind: "refused" });
  else if (failure === "no-effect") recorded?.refused();
}

function settleRead(recorded: Recorded, failure: Exclude<Failure, "unexpected">): void {
  if (failure === "absent") recorded.returned({ kind: "absent" });
  else recorded.refused();
}
