import { create } from "@bufbuild/protobuf";
import { createSealer, type Sealer } from "../../access/index.ts";
import { ID_RANDOM_BYTES, TimeOrderedIds } from "../../base/index.ts";
import { createClusterBlobStore } from "../../blob/index.ts";
import { MemoryTargets } from "../../blob/testing/memory-targets.ts";
import {
  InitClusterSchema,
  PutCopysetsSchema,
  PutEncryptionKeySchema,
  PutJoinTokenSchema,
  RefusalCode,
  RegisterNodeSchema,
  RotateEncryptionKeySchema,
  SetMaintenanceSchema,
  SetNodeStateSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  ClusterRowSchema,
  CopysetRowSchema,
  JoinTokenRowSchema,
  NodeRowSchema,
  NodeState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import {
  type CommandBody,
  checkInvariants,
  LiveStore,
  type Metadata,
  MetaStateMachine,
  type ProposalLog,
  ReplicatedMetadata,
} from "../../meta/index.ts";
import { MemoryStore } from "../../meta/testing/memory-store.ts";
import { NodeClock, NodeRandom, NodeTimers, PlainHasher } from "../../platform/node/index.ts";
import {
  createObjectStore,
  type ObjectStore,
  type ObjectStoreOptions,
  secretContext,
  Writes,
  withMaintenance,
} from "../index.ts";

export const OWNER = { id: "a".repeat(64), displayName: "tester" };
export const INLINE_BYTES = 1024;
/** Small, so that tests of multipart uploads are fast. */
export const MINIMUM_PART_BYTES = 1000;

export type SingleNodeOptions = Pick<ObjectStoreOptions, "requiresIfMatch" | "readsFollowCallers">;

/** The real metadata machine over a log that commits at once, and blobs on three nodes in memory. */
export class SingleNode {
  readonly store = new MemoryStore();
  readonly targets = new MemoryTargets([1, 2, 3], 2);
  readonly objects: ObjectStore;
  readonly writes: Writes;
  readonly sealer: Sealer;
  readonly #machine: MetaStateMachine;
  readonly #metadata: ReplicatedMetadata;

  /** `nowMs` is the time that the leader stamps on entries. */
  private constructor(nowMs: () => number, options: SingleNodeOptions) {
    const hasher = new PlainHasher();
    const platform = { clock: new NodeClock(), timers: new NodeTimers(), random: new NodeRandom(), hasher };
    this.#machine = new MetaStateMachine({
      nodeId: 1,
      store: new LiveStore(this.store),
      hasher: {
        blake3: (bytes) => hasher.blake3(bytes),
        md5: (bytes) => hasher.digest("md5", bytes),
        crc32c: (bytes) => hasher.digest("crc32c", bytes),
      },
      snapshots: { install: () => Promise.reject(new Error("no snapshots here")) },
    });
    this.#metadata = new ReplicatedMetadata({
      ...platform,
      nodeId: 1,
      machine: this.#machine,
      log: immediateLog(this.#machine, nowMs),
    });
    const ids = new TimeOrderedIds();
    const newId = () => ids.next(nowMs(), platform.random.bytes(ID_RANDOM_BYTES));
    this.sealer = createSealer({
      keyEncryptionKey: new Uint8Array(32).fill(7),
      randomBytes: (length) => platform.random.bytes(length),
    });
    this.writes = new Writes(this.#metadata.view);
    const objects = createObjectStore({
      metadata: this.#metadata,
      blobs: createClusterBlobStore({
        ...platform,
        targets: this.targets,
        newBlobId: newId,
        inlineBytes: INLINE_BYTES,
        bufferBudgetBytes: 32 * 1024 * 1024,
        stragglerMs: 10,
      }),
      hasher,
      random: platform.random,
      sealer: this.sealer,
      newId,
      minimumPartBytes: MINIMUM_PART_BYTES,
      ...options,
    });
    this.objects = withMaintenance(objects, this.writes);
  }

  /** As the only node of the cluster: with `nodeIds` somebody is waited for. */
  async setMaintenance(on: boolean, nodeIds: readonly bigint[] = []): Promise<void> {
    const expectedEpoch = this.#metadata.view.maintenance()?.epoch ?? 0n;
    const value = create(SetMaintenanceSchema, { expectedEpoch, on, nodeIds: [...nodeIds] });
    await this.#must({ case: "setMaintenance", value });
  }

  get metadata(): Metadata {
    return this.#metadata;
  }

  static async create(nowMs: () => number = Date.now, options: SingleNodeOptions = {}): Promise<SingleNode> {
    const node = new SingleNode(nowMs, options);
    await node.#found();
    for (const nodeId of [2n, 3n]) await node.#admit(nodeId);
    const { view } = node.#metadata;
    const copyset = create(CopysetRowSchema, { nodeIds: [1n, 2n, 3n], open: true });
    await node.#must({
      case: "putCopysets",
      value: create(PutCopysetsSchema, {
        expectedLayoutEpoch: view.cluster()?.layoutEpoch ?? 0n,
        copysets: [copyset],
      }),
    });
    const [row] = await view.copysets();
    node.targets.placeIn(Number(row?.copysetId), Number(view.cluster()?.layoutEpoch));
    return node;
  }

  async #found(): Promise<void> {
    await this.#must({
      case: "initCluster",
      value: create(InitClusterSchema, {
        cluster: create(ClusterRowSchema, { clusterId: "test", replicationFactor: 3 }),
        firstNode: create(NodeRowSchema, {
          nodeId: 1n,
          name: "node-1",
          incarnation: "incarnation-1",
          state: NodeState.ACTIVE,
          roles: ["storage"],
        }),
      }),
    });
  }

  /** Another active node, in the metadata only. */
  async #admit(nodeId: bigint): Promise<void> {
    const tokenHash = new Uint8Array(32).fill(Number(nodeId));
    const token = create(JoinTokenRowSchema, {
      tokenId: `token-${nodeId}`,
      tokenHash,
      expiresAtMs: 10n ** 15n,
    });
    await this.#must({ case: "putJoinToken", value: create(PutJoinTokenSchema, { token }) });
    const node = create(NodeRowSchema, {
      name: `node-${nodeId}`,
      incarnation: `incarnation-${nodeId}`,
      roles: ["storage"],
    });
    await this.#must({ case: "registerNode", value: create(RegisterNodeSchema, { node, tokenHash }) });
    const value = create(SetNodeStateSchema, {
      nodeId,
      incarnation: node.incarnation,
      expectedState: NodeState.JOINING,
      state: NodeState.ACTIVE,
    });
    await this.#must({ case: "setNodeState", value });
  }

  async #must(body: CommandBody): Promise<void> {
    const { result } = await this.#metadata.submit(body);
    if (result.case === "refusal") {
      throw new Error(`${body.case}: ${RefusalCode[result.value.code]} ${result.value.detail}`);
    }
  }

  /** A key of the key ring; the second call of the same id rotates it. */
  async encryptionKey(keyId: string): Promise<void> {
    const expectedVersion = this.#metadata.view.encryptionKey(keyId)?.versions.length ?? 0;
    const secret = new Uint8Array(32).fill(100 + expectedVersion);
    const secretSealed = this.sealer.seal(secret, secretContext(keyId, expectedVersion + 1));
    if (expectedVersion === 0) {
      await this.#must({
        case: "putEncryptionKey",
        value: create(PutEncryptionKeySchema, { keyId, secretSealed }),
      });
    } else {
      await this.#must({
        case: "rotateEncryptionKey",
        value: create(RotateEncryptionKeySchema, { keyId, expectedVersion, secretSealed }),
      });
    }
  }

  violations() {
    return checkInvariants(this.store);
  }
}

function immediateLog(machine: MetaStateMachine, nowMs: () => number): ProposalLog {
  let index = 0;
  return {
    propose: (data) => {
      index += 1;
      const entry = { index, term: 1, type: "EntryNormal" as const, data, timeMs: nowMs() };
      queueMicrotask(() => void machine.apply([entry]));
      return true;
    },
    readIndex: () => Promise.resolve(index),
    readIndexNow: () => index,
    receivedSnapshot: () => Promise.resolve(false),
    onStatus: (listener) => listener({ leader: 1, term: 1 }),
  };
}
