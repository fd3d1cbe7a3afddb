import { create } from "@bufbuild/protobuf";
import { AdminError, EncryptionKeyAdministration, MembershipAdministration } from "../../admin/index.ts";
import { SetNodeStateSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { OBJECTS_KEY_ID } from "../../object/index.ts";
import type { Coverage } from "../coverage.ts";
import type { Trace } from "../trace.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedNode } from "./simulated-node.ts";

const RETRY_MS = 500;

function isThere(rotation: Promise<unknown>): Promise<boolean> {
  return rotation.then(
    () => true,
    (error: unknown) => {
      if (error instanceof AdminError && error.code === "not-found") return false;
      throw error;
    },
  );
}

export interface OperatorOptions {
  readonly cluster: SimulatedCluster;
  readonly trace: Trace;
  readonly coverage: Coverage;
  readonly onFailure: (error: unknown) => void;
}

/** Who adds nodes and takes them out. Each step is tried through one node after the other, until it worked: what is refused now may be fine later. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #cluster: SimulatedCluster;
  #underWay = 0;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#cluster = options.cluster;
  }

  /** Whether a change of the members has begun and not ended. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** A node whose data is lost for good: it is removed by force, and another one joins in its place. */
  replaceLost(node: SimulatedNode): void {
    if (node.isRetired) return;
    node.isRetired = true;
    node.isWanted = false;
    this.#do(`${node.name} is lost and will be replaced`, async () => {
      await this.#untilDone((through) => this.#removeByForce(through, node));
      await this.#untilDone((through) => this.#cluster.join(through));
      this.#options.coverage.mark("node replaced");
    });
  }

  /** Another node joins. */
  add(): void {
    this.#do("a node will be added", async () => {
      await this.#untilDone((through) => this.#cluster.join(through));
      this.#options.coverage.mark("node added");
    });
  }

  /** As documented for a machine that is to go: another one joins, this one is drained, then removed. */
  replace(node: SimulatedNode): void {
    if (node.isLeaving) return;
    node.isLeaving = true;
    this.#do(`${node.name} will be replaced`, async () => {
      await this.#untilDone((through) => this.#cluster.join(through));
      await this.#untilDone((through) => this.#membership(through).drain(node.nodeId, { cancel: false }));
      await this.#untilDone((through) => this.#remove(through, node));
      await this.#untilDone((through) => this.#hasLeft(through, node));
      node.isRetired = true;
      node.isWanted = false;
      this.#options.coverage.mark("node replaced as planned");
    });
  }

  /** The key of encrypted objects, if there is one yet. */
  rotateKey(): void {
    this.#do("the encryption key will be rotated", async () => {
      await this.#untilDone(async (through) => {
        if (await isThere(this.#encryptionKeys(through).rotate(OBJECTS_KEY_ID))) {
          this.#options.coverage.mark("encryption key rotated");
        }
      });
    });
  }

  /** All versions of it that nothing needs any more, which must be all but the newest. */
  removeOldKeyVersions(): void {
    this.#do("old versions of the encryption key will be removed", async () => {
      await this.#untilDone(async (through) => {
        const keys = await this.#encryptionKeys(through).list();
        for (const { version } of keys.flatMap(({ versions }) => versions.slice(0, -1))) {
          await this.#encryptionKeys(through).removeVersion(OBJECTS_KEY_ID, version);
          this.#options.coverage.mark("encryption key version removed");
        }
      });
    });
  }

  #encryptionKeys(through: SimulatedNode): EncryptionKeyAdministration {
    const { metadata, sealer } = through.life!.engines!;
    return new EncryptionKeyAdministration({ metadata, sealer, random: through.life!.platform.random });
  }

  #do(what: string, action: () => Promise<void>): void {
    const { trace, onFailure } = this.#options;
    trace.add(this.#cluster.simulation.nowMs, what);
    this.#underWay++;
    action().then(() => {
      this.#underWay--;
      trace.add(this.#cluster.simulation.nowMs, `done: ${what}`);
    }, onFailure);
  }

  #membership(through: SimulatedNode): MembershipAdministration {
    const { metadata, raft, health } = through.life!.engines!;
    return new MembershipAdministration({ metadata, raft, health, ...through.life!.platform });
  }

  /** Rejects until nothing is left on it, and while others are being added or removed. */
  async #remove(through: SimulatedNode, { nodeId }: SimulatedNode): Promise<void> {
    if ((await this.#stateOf(through, nodeId)) === NodeState.REMOVED) return;
    await this.#membership(through).remove(nodeId, { force: false });
  }

  /** As `skerry cluster remove` waits: the group may need its vote for the very entry that takes it out. Rejects until it is no member any more. */
  async #hasLeft(through: SimulatedNode, { nodeId }: SimulatedNode): Promise<void> {
    const { metadata } = through.life!.engines!;
    await metadata.barrier();
    const row = (await metadata.view.nodes()).find((known) => Number(known.nodeId) === nodeId);
    if (row?.hasLeft !== true) throw new Error("still needed");
  }

  async #stateOf(through: SimulatedNode, nodeId: number): Promise<NodeState | undefined> {
    const { metadata } = through.life!.engines!;
    await metadata.barrier();
    return (await metadata.view.nodes()).find((row) => Number(row.nodeId) === nodeId)?.state;
  }

  /** Without asking whether others answer: its data are gone whatever they say. */
  async #removeByForce(through: SimulatedNode, lost: SimulatedNode): Promise<void> {
    const { metadata } = through.life!.engines!;
    await metadata.barrier();
    const row = (await metadata.view.nodes()).find(({ nodeId }) => Number(nodeId) === lost.nodeId);
    if (row === undefined || row.state === NodeState.REMOVED) return;
    const { result } = await metadata.submit({
      case: "setNodeState",
      value: create(SetNodeStateSchema, {
        nodeId: row.nodeId,
        incarnation: row.incarnation,
        expectedState: row.state,
        state: NodeState.REMOVED,
        force: true,
      }),
    });
    if (result.case === "refusal") throw new Error(result.value.detail);
  }

  async #untilDone(action: (through: SimulatedNode) => Promise<unknown>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const through = this.#through(attempt);
      if (through !== undefined && (await this.#attempt(through, action))) return;
      await new Promise<void>((resolve) => void this.#cluster.simulation.schedule(RETRY_MS, resolve));
    }
  }

  #through(attempt: number): SimulatedNode | undefined {
    const serving = this.#cluster.serving.filter(({ isRetired }) => !isRetired);
    return serving[attempt % Math.max(1, serving.length)];
  }

  /** A node that dies meanwhile does not answer. */
  #attempt(through: SimulatedNode, action: (through: SimulatedNode) => Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isDone: boolean) => () => {
        forget();
        resolve(isDone);
      };
      const forget = through.life!.onDeath(() => resolve(false));
      action(through).then(end(true), end(false));
    });
  }
}
