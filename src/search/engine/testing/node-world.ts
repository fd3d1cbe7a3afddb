/**
 * Several nodes in one process: one log of commands, a replica of the metadata on each node that may lag behind, blobs that all can read. Calls may fail before or after
 * they took effect; a node may crash, which ends everything that it was doing, and come back with its metadata and nothing else.
 */

import { create } from "@bufbuild/protobuf";
import { concatBytes, type Prng, toHex } from "../../../base/index.ts";
import { type CommandResult, NewBlobSchema } from "../../../gen/skerry/meta/v1/commands_pb.js";
import { LiveStore } from "../../../meta/live-store.ts";
import { readyReplica } from "../../../meta/testing/commands.ts";
import { Replica } from "../../../meta/testing/harness.ts";
import { StateView } from "../../../meta/view.ts";
import { SearchError } from "../../errors.ts";
import type { BlobDriver, NamespaceCommand, NamespaceStore } from "../../ports.ts";
import type { EngineContext, EngineSettings } from "../context.ts";
import { SearchEngine } from "../engine.ts";
import { engineContext } from "./engine-world.ts";
import type { Turns } from "./turns.ts";

export interface NodeWorldOptions {
  readonly prng: Prng;
  readonly turns: Turns;
  readonly nodes: number;
  /** Of each call of the metadata or the blobs: that it is not answered, 0 to 1. */
  readonly failureChance: number;
}

export class NodeWorld {
  /** What is committed, applied at once: the newest state. */
  readonly committed = readyReplica(new Replica());
  readonly blobs = new Map<string, Uint8Array>();
  readonly nodes: readonly WorldNode[];
  readonly options: NodeWorldOptions;
  #nextBlob = 1_000_000;

  constructor(options: NodeWorldOptions) {
    this.options = options;
    this.committed.timeMs = 1_000_000_000;
    this.nodes = Array.from({ length: options.nodes }, (_, at) => new WorldNode(this, at + 1));
  }

  get nowMs(): number {
    return this.committed.timeMs;
  }

  /** From here on nothing fails. */
  heal(): void {
    this.isHealed = true;
  }
  isHealed = false;

  fails(): boolean {
    return !this.isHealed && this.options.prng.chance(this.options.failureChance);
  }

  newBlobId(): Uint8Array {
    const blobId = new Uint8Array(16);
    new DataView(blobId.buffer).setUint32(12, this.#nextBlob++);
    return blobId;
  }
}

export class WorldNode {
  readonly number: number;
  readonly #world: NodeWorld;
  readonly #replica = new Replica();
  /** Grows with each crash: what began in an earlier life never goes on. */
  #life = 0;
  engine!: SearchEngine;
  context!: EngineContext;

  constructor(world: NodeWorld, number: number) {
    this.#world = world;
    this.number = number;
    this.#start();
  }

  crash(): void {
    this.#life++;
    this.#start();
  }

  #start(): void {
    const { prng } = this.#world.options;
    const life = this.#life;
    const settings: Partial<EngineSettings> = { memtableBytes: prng.pick([1, 100_000_000]) };
    this.context = engineContext({
      nodeId: this.number,
      seed: `${prng.uint32()}`,
      nowMs: () => this.#world.nowMs,
      store: this.#store(life),
      driver: this.#driver(life),
      settings,
    });
    this.engine = new SearchEngine(this.context);
  }

  /** Applies what is committed, up to an index or a random one. */
  catchUp(index?: number): void {
    const { log } = this.#world.committed;
    const { appliedIndex } = this.#replica.state;
    const to = index ?? this.#world.options.prng.between(appliedIndex, log.length);
    for (const entry of log.slice(appliedIndex, to)) {
      this.#replica.timeMs = entry.timeMs;
      this.#replica.stage(entry);
      this.#replica.flush();
    }
  }

  /** Some time passes, in which the node may crash. */
  async #turn(life: number): Promise<void> {
    await this.#world.options.turns.next();
    if (life !== this.#life) throw unavailable("the node is gone");
  }

  #store(life: number): NamespaceStore {
    const { committed } = this.#world;
    const replica = this.#replica;
    const view = () => this.#view();
    return {
      submit: async (command) => {
        await this.#turn(life);
        if (this.#world.fails()) throw unavailable("it never reached the leader");
        const result: CommandResult = committed.run(command as NamespaceCommand);
        const index = committed.state.appliedIndex;
        await this.#turn(life);
        if (this.#world.fails()) throw unavailable("it was committed, and the answer was lost");
        this.catchUp(Math.max(index, replica.state.appliedIndex));
        return result;
      },
      barrier: async () => {
        await this.#turn(life);
        if (this.#world.fails()) throw unavailable("there is no leader");
        const index = committed.state.appliedIndex;
        await this.#turn(life);
        this.catchUp(Math.max(index, replica.state.appliedIndex));
      },
      get view() {
        return view();
      },
    };
  }

  /** Of its own for each use: it keeps rows decoded until the machine tells it otherwise, and there is no machine here. */
  #view(): StateView {
    const replica = this.#replica;
    const position = { index: () => replica.state.appliedIndex, timeMs: () => replica.timeMs };
    return new StateView(new LiveStore(replica.store), position);
  }

  #driver(life: number): BlobDriver {
    const world = this.#world;
    const write: BlobDriver["write"] = async (parts) => {
      const bytes = concatBytes(parts);
      await this.#turn(life);
      if (world.fails()) throw unavailable("too few nodes took the bytes");
      const blobId = world.newBlobId();
      world.blobs.set(toHex(blobId), bytes);
      return create(NewBlobSchema, {
        blobId,
        size: BigInt(bytes.length),
        isInline: true,
        inlineData: bytes,
      });
    };
    return {
      isNear: () => false,
      write,
      writeIndex: write,
      read: async ({ blobId }, { offset, length }) => {
        await this.#turn(life);
        // As the driver over the cluster does: where a blob lies is in the node's own metadata.
        if (this.#view().blob(blobId) === undefined) throw unavailable("the state is gone");
        if (world.fails()) throw unavailable("no copy answers");
        return world.blobs.get(toHex(blobId))!.slice(offset, offset + length);
      },
    };
  }
}

function unavailable(message: string): SearchError {
  return new SearchError("unavailable", message);
}
