import { MaintenanceState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { MetadataView } from "../meta/index.ts";
import { translate } from "./context.ts";
import { ObjectError } from "./errors.ts";
import type { ObjectStore } from "./ports.ts";

/** When a client that was refused for maintenance may ask again, in seconds. */
const RETRY_AFTER_SECONDS = 10;

/** Complete by type: a new use case says whether it changes what is stored. */
export const IS_WRITE: Readonly<Record<keyof ObjectStore, boolean>> = {
  asOfNow: false,
  listBuckets: false,
  createBucket: true,
  headBucket: false,
  deleteBucket: true,
  putObject: true,
  getObject: false,
  headObject: false,
  objectParts: false,
  deleteObject: true,
  deleteObjects: true,
  copyObject: true,
  renameObject: true,
  listObjects: false,
  listVersions: false,
  createUpload: true,
  uploadPart: true,
  uploadPartCopy: true,
  completeUpload: true,
  abortUpload: true,
  listChanges: false,
  listParts: false,
  listUploads: false,
  uploadEncryption: false,
  getBucketConfiguration: false,
  localBucketConfiguration: false,
  putBucketConfiguration: true,
  deleteBucketConfiguration: true,
  getBucketVersioning: false,
  putBucketVersioning: true,
  getObjectLock: false,
  putObjectLock: true,
  getObjectTags: false,
  putObjectTags: true,
  getRetention: false,
  putRetention: true,
  objectAccess: false,
  bucketAccess: false,
  getObjectAcl: false,
  getLegalHold: false,
  putLegalHold: true,
  putObjectAcl: true,
};

/**
 * The writes of clients on this node: refused while the mode is not off, and counted, so that a node can say when none is under way. The count is one for all
 * threads that share the memory.
 */
export class Writes {
  /** Called when the last one that was under way has ended on this thread. */
  onDrained: () => void = () => {};
  readonly #view: Pick<MetadataView, "maintenance">;
  readonly #underWay: Int32Array<SharedArrayBuffer>;

  constructor(view: Pick<MetadataView, "maintenance">, memory: SharedArrayBuffer = Writes.memory()) {
    this.#view = view;
    this.#underWay = new Int32Array(memory);
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  /** For the same writes on other threads. */
  get memory(): SharedArrayBuffer {
    return this.#underWay.buffer;
  }

  get underWay(): number {
    return Atomics.load(this.#underWay, 0);
  }

  /** Rejects with ObjectError "maintenance" without having begun. */
  async run<T>(write: () => Promise<T>): Promise<T> {
    // Counted first: whoever has seen the mode, and then nothing under way, must not see this one begin.
    Atomics.add(this.#underWay, 0, 1);
    let hasBegun = false;
    try {
      if (this.#state() !== MaintenanceState.OFF) throw maintenanceError();
      hasBegun = true;
      return await write();
    } finally {
      const before = Atomics.sub(this.#underWay, 0, 1);
      if (before === 1 && hasBegun) this.onDrained();
    }
  }

  #state(): MaintenanceState {
    try {
      return this.#view.maintenance()?.state ?? MaintenanceState.OFF;
    } catch (error) {
      throw translate(error);
    }
  }
}

/** Also for writes that the state machine refused, because this node did not know of the mode when they began. */
export function maintenanceError(): ObjectError {
  return new ObjectError("maintenance", "the cluster is in maintenance: it can be read, and not written", {
    details: { RetryAfterSeconds: String(RETRY_AFTER_SECONDS) },
  });
}

/** The same use cases, with the writes among them under `writes`. */
export function withMaintenance(store: ObjectStore, writes: Writes): ObjectStore {
  const methods = store as unknown as Readonly<Record<string, (...parameters: unknown[]) => unknown>>;
  const guarded = Object.entries(IS_WRITE).flatMap(([name, isWrite]) => {
    const method = methods[name];
    if (!isWrite || method === undefined) return [];
    return [[name, (...parameters: unknown[]) => writes.run(async () => method(...parameters))] as const];
  });
  return { ...store, ...Object.fromEntries(guarded) };
}
