import { Mutex } from "../../base/index.ts";
import { type Disk, type Random, readSmallFile, replaceFile } from "../../platform/index.ts";
import type { NodeId } from "../types.ts";
import { MAX_TOLD_STARTS, type NodeStart, standingOf } from "./node-start.ts";
import { type Checksum, decodeRows, encodeRows } from "./number-file.ts";

/** Holds the last starts of this node: number, nonce. */
const OWN_FILE = "own-starts";
/** Holds the greatest start that was accepted of each peer: node, number, nonce. */
const PEERS_FILE = "peer-starts";

/** More than the starts that can have ended before anything but `own-starts` had heard of them. */
const LOST_STARTS = 1000;

export interface StartRecordsOptions {
  readonly disk: Disk;
  readonly random: Random;
  readonly checksum: Checksum;
  /** Of the log; it is there. */
  readonly directory: string;
  /** How often the node was started, by another count than this one; with this start. */
  readonly startNumber: number;
}

/** What a node remembers of its own starts and of those of its peers, in two small files beside its log. */
export class StartRecords {
  /** The last starts of this node, oldest first; this one is the last of them. */
  readonly own: readonly NodeStart[];
  readonly #options: StartRecordsOptions;
  readonly #peers: Map<NodeId, NodeStart>;
  readonly #writing = new Mutex();
  /** Counts changes of `#peers`; `#written` is the last one that is durable. */
  #changes = 0;
  #written = 0;

  private constructor(
    options: StartRecordsOptions,
    own: readonly NodeStart[],
    peers: ReadonlyMap<NodeId, NodeStart>,
  ) {
    this.#options = options;
    this.own = own;
    this.#peers = new Map(peers);
  }

  /** The present start is durable when it resolves, so that it may be told. Rejects with a DiskError. */
  static async open(options: StartRecordsOptions): Promise<StartRecords> {
    const { disk, checksum, directory, random, startNumber } = options;
    const ownBytes = await readSmallFile(disk, `${directory}/${OWN_FILE}`);
    const earlier = ownBytes === undefined ? [] : decodeRows(ownBytes, 2, checksum);
    const before = (earlier ?? []).map(([number = 0, nonce = 0]): NodeStart => ({ number, nonce }));
    const least = earlier === undefined ? startNumber + LOST_STARTS : startNumber;
    const number = Math.max(least, (before.at(-1)?.number ?? 0) + 1);
    const own = [...before, { number, nonce: drawNonce(random) }].slice(-MAX_TOLD_STARTS);
    const rows = own.map((start) => [start.number, start.nonce]);
    await replaceFile(disk, `${directory}/${OWN_FILE}`, encodeRows(rows, checksum));
    // What is not readable is forgotten: it speaks of others, and they say it again.
    const peerBytes = await readSmallFile(disk, `${directory}/${PEERS_FILE}`);
    const peers = peerBytes === undefined ? [] : (decodeRows(peerBytes, 3, checksum) ?? []);
    const known = peers.map(
      ([nodeId = 0, peerNumber = 0, nonce = 0]) => [nodeId, { number: peerNumber, nonce }] as const,
    );
    return new StartRecords(options, own, new Map(known));
  }

  /**
   * Whether to take a peer that tells these starts, oldest first, at least one. True: what was accepted of it is durable, and is not of a
   * later start. Rejects with a DiskError when that cannot be written.
   */
  admit(nodeId: NodeId, starts: readonly NodeStart[]): boolean | Promise<boolean> {
    const present = starts.at(-1);
    const standing = standingOf(starts, this.#peers.get(nodeId));
    if (present === undefined || standing === "older") return false;
    if (standing === "later") {
      this.#peers.set(nodeId, { number: present.number, nonce: present.nonce });
      this.#changes++;
    }
    if (this.#written === this.#changes) return true;
    // Another start of the peer may be accepted while this one is being written.
    return this.#write().then(() => standingOf(starts, this.#peers.get(nodeId)) === "known");
  }

  /** Nothing will be taken from a node any more. Goes from the disk with the next change. */
  forget(nodeId: NodeId): void {
    this.#peers.delete(nodeId);
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing.run(() => undefined);
  }

  async #write(): Promise<void> {
    const { disk, checksum, directory } = this.#options;
    await this.#writing.run(async () => {
      const changes = this.#changes;
      if (this.#written === changes) return;
      const rows = [...this.#peers].map(([nodeId, { number, nonce }]) => [nodeId, number, nonce]);
      await replaceFile(disk, `${directory}/${PEERS_FILE}`, encodeRows(rows, checksum));
      this.#written = changes;
    });
  }
}

function drawNonce(random: Random): number {
  return random.below(2 ** 21) * 2 ** 32 + random.below(2 ** 32);
}
