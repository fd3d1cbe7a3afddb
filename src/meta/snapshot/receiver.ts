/**
 * Receives the state from a leader into a staging store, verifies it, and gives the Raft message to the core, which decides whether it is
 * installed. One snapshot at a time: a new attempt takes the place of an older one unless its term is lower.
 */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { concatBytes, Mutex } from "../../base/index.ts";
import {
  type SendRequest,
  SendRequestSchema,
  type SendResponse,
  SendResponseSchema,
  type SnapshotHeader,
  type SnapshotRows,
  type SnapshotTrailer,
} from "../../gen/skerry/meta/v1/snapshot_pb.js";
import { MessageSchema, MessageType } from "../../gen/skerry/raft/v1/raft_pb.js";
import {
  type Hasher,
  type MessageStream,
  type PeerIdentity,
  type StoreRow,
  type StreamErrorCode,
  StreamFailure,
  type StreamHandler,
} from "../../platform/index.ts";
import type { MetaStateMachine } from "../machine.ts";
import type { ProposalLog } from "../ports.ts";
import type { StateStoreDirectory } from "./directory.ts";
import { MAX_SNAPSHOT_MESSAGE_BYTES, SNAPSHOT_METHOD, SNAPSHOT_VERSION } from "./protocol.ts";
import type { StagingStore } from "./staging.ts";

/** Received bytes that may wait to be written; beyond, the stream is paused. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;

export interface SnapshotReceiverOptions {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly groupId: number;
  readonly directory: StateStoreDirectory;
  readonly hasher: Hasher;
  readonly log: Pick<ProposalLog, "receivedSnapshot">;
  readonly machine: Pick<MetaStateMachine, "onChange" | "view">;
}

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  /** The staging store has one user. */
  readonly #turn = new Mutex();
  #active: Reception | undefined;
  #isDropping = false;

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
    options.machine.onChange(() => this.#dropOutdated());
  }

  /** For `Network.listen`. */
  handlers(): ReadonlyMap<string, StreamHandler> {
    const handler: StreamHandler = {
      kind: "stream",
      maxMessageBytes: MAX_SNAPSHOT_MESSAGE_BYTES,
      open: (stream, peer) => void new Reception(this, stream, peer),
    };
    return new Map([[SNAPSHOT_METHOD, handler]]);
  }

  /** Makes this reception the one; an older one is ended. Resolves with the store to receive into. */
  async begin(reception: Reception, header: SnapshotHeader): Promise<StagingStore> {
    const active = this.#active;
    if (active !== undefined && active.term > reception.term) {
      throw new StreamFailure("aborted", "a snapshot of a later term is being received");
    }
    active?.refuse("aborted", "another snapshot takes its place");
    this.#active = reception;
    try {
      return await this.#turn.run(() => this.#options.directory.stage(header));
    } finally {
      // Its stream may have ended meanwhile, when there was nothing to drop yet.
      this.#dropOutdated();
    }
  }

  /** Runs `action` on the staging store unless another reception has taken over. */
  work<T>(reception: Reception, action: () => Promise<T>): Promise<T> {
    return this.#turn.run(async () => {
      if (this.#active !== reception) throw new StreamFailure("aborted", "another snapshot takes its place");
      return await action();
    });
  }

  finished(reception: Reception): void {
    if (this.#active !== reception) return;
    this.#active = undefined;
    // The log may have got there first, and in a quiet cluster nothing else would change for long.
    this.#dropOutdated();
  }

  /**
   * The half of a snapshot that a broken stream or a crash left is of no use once the log has brought the state to where it stands, and nobody would send
   * the rest of it.
   */
  #dropOutdated(): void {
    const { directory, machine } = this.#options;
    const isOutdated = (): boolean => {
      const index = directory.staging?.header.message?.snapshot?.index;
      return (
        this.#active === undefined && index !== undefined && Number(index) <= machine.view.appliedIndex()
      );
    };
    if (this.#isDropping || !(isOutdated() || directory.hasLeftOvers)) return;
    this.#isDropping = true;
    // What a disk that fails keeps of it is tried again with the next change.
    this.#turn
      .run(async () => {
        if (isOutdated()) await directory.discardStaging();
        await directory.removeLeftOvers();
      })
      .catch(() => {})
      .finally(() => {
        this.#isDropping = false;
      });
  }

  /** Refuses what was meant for another node, cluster or group. */
  check(header: SnapshotHeader, peer: PeerIdentity | undefined): string | undefined {
    const { message } = header;
    if (header.version !== SNAPSHOT_VERSION) return "the version of the snapshot is not known";
    if (header.clusterId !== this.#options.clusterId) return "the snapshot is of another cluster";
    if (header.groupId !== this.#options.groupId) return "the snapshot is of another group";
    if (message?.type !== MessageType.SNAP || message.snapshot === undefined)
      return "the header has no snapshot message";
    if (Number(message.to) !== this.#options.nodeId) return "the snapshot is for another node";
    if (peer !== undefined && Number(message.from) !== peer.nodeId)
      return "the snapshot is not from its sender";
    return undefined;
  }

  /** Verifies, lets the core decide, and gives up what it does not want. Returns what is wrong, if anything. */
  async conclude(staging: StagingStore, trailer: SnapshotTrailer): Promise<string | undefined> {
    const { directory, hasher, log } = this.#options;
    const problem = staging.isVerified ? undefined : await staging.verify(trailer, hasher);
    if (problem !== undefined) {
      await directory.discardStaging();
      return problem;
    }
    const { message } = staging.header;
    if (message === undefined) return "the header has no snapshot message";
    if (await log.receivedSnapshot(toBinary(MessageSchema, message))) return undefined;
    if (directory.staging === staging) await directory.discardStaging();
    return "the snapshot was not needed";
  }
}

/** One stream. Its messages are worked on one after the other. */
class Reception {
  term = 0;
  readonly #receiver: SnapshotReceiver;
  readonly #stream: MessageStream;
  readonly #peer: PeerIdentity | undefined;
  #staging: StagingStore | undefined;
  #work: Promise<void> = Promise.resolve();
  #backlogBytes = 0;
  #isPaused = false;
  #isOver = false;

  constructor(receiver: SnapshotReceiver, stream: MessageStream, peer: PeerIdentity | undefined) {
    this.#receiver = receiver;
    this.#stream = stream;
    this.#peer = peer;
    stream.onMessage = (pieces, sizeBytes) => this.#received(concatBytes(pieces), sizeBytes);
    stream.onEnd = () => {};
    stream.onClose = () => this.#over();
  }

  refuse(code: StreamErrorCode, message: string): void {
    if (this.#isOver) return;
    this.#over();
    this.#stream.fail(code, message);
  }

  #over(): void {
    this.#isOver = true;
    this.#receiver.finished(this);
  }

  #received(bytes: Uint8Array, sizeBytes: number): void {
    if (this.#isOver) return;
    this.#backlogBytes += sizeBytes;
    if (this.#backlogBytes > MAX_BACKLOG_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#stream.pause();
    }
    this.#work = this.#work.then(() => this.#handle(bytes, sizeBytes));
  }

  /** Never rejects: what goes wrong ends the stream. */
  async #handle(bytes: Uint8Array, sizeBytes: number): Promise<void> {
    try {
      if (!this.#isOver) await this.#step(fromBinary(SendRequestSchema, bytes));
    } catch (error) {
      if (error instanceof StreamFailure) this.refuse(error.code, error.message);
      else
        this.refuse(
          "internal",
          error instanceof Error ? error.message : "the snapshot could not be received",
        );
    }
    this.#backlogBytes -= sizeBytes;
    if (this.#isPaused && this.#backlogBytes <= MAX_BACKLOG_BYTES && !this.#isOver) {
      this.#isPaused = false;
      this.#stream.resume();
    }
  }

  async #step({ part }: SendRequest): Promise<void> {
    switch (part.case) {
      case "header":
        return await this.#begin(part.value);
      case "rows":
        return await this.#add(part.value);
      case "trailer":
        return await this.#conclude(part.value);
      case undefined:
        throw new StreamFailure("invalid_argument", "an empty message");
    }
  }

  async #begin(header: SnapshotHeader): Promise<void> {
    if (this.#staging !== undefined) throw new StreamFailure("invalid_argument", "a second header");
    const problem = this.#receiver.check(header, this.#peer);
    if (problem !== undefined) throw new StreamFailure("failed_precondition", problem);
    this.term = Number(header.message?.term ?? 0n);
    this.#staging = await this.#receiver.begin(this, header);
    this.#answer({ resumeAfterKey: new TextEncoder().encode(this.#staging.lastKey) });
  }

  async #add({ rows }: SnapshotRows): Promise<void> {
    const staging = this.#begun();
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const decoded: StoreRow[] = rows.map(({ key, value }) => ({ key: decoder.decode(key), value }));
    const problem = await this.#receiver.work(this, () => staging.add(decoded));
    if (problem !== undefined) throw new StreamFailure("data_loss", problem);
  }

  async #conclude(trailer: SnapshotTrailer): Promise<void> {
    const staging = this.#begun();
    const problem = await this.#receiver.work(this, () => this.#receiver.conclude(staging, trailer));
    this.#answer({ installed: problem === undefined, errorMessage: problem ?? "" });
    this.#over();
    this.#stream.end();
  }

  #begun(): StagingStore {
    if (this.#staging === undefined) throw new StreamFailure("invalid_argument", "the header comes first");
    return this.#staging;
  }

  #answer(response: { resumeAfterKey?: Uint8Array; installed?: boolean; errorMessage?: string }): void {
    const message: SendResponse = create(SendResponseSchema, response);
    this.#stream.send([toBinary(SendResponseSchema, message)]);
  }
}
