/**
 * The state's directory after a power loss at every sync point, with every choice of what reached the disk, while states are made, checkpointed,
 * received, given up and installed: a state of the log, whole, at least as far as was promised; and a snapshot that is said to be verified is one.
 * See `platform/testing/crash-images.ts`.
 */

import { createHash } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { MessageSchema } from "../../gen/skerry/raft/v1/raft_pb.js";
import type { OrderedStore, StoreRow } from "../../platform/index.ts";
import { SimMachine } from "../../platform/sim/index.ts";
import {
  CRASH_TEST_TIMEOUT_MS,
  type CrashScript,
  type CrashSubject,
  type CrashWorld,
  crashBudget,
  type Recovered,
  tryCrashes,
} from "../../platform/testing/crash-images.ts";
import { APPLIED_KEY } from "../keys.ts";
import type { CommittedEntry, SnapshotMark } from "../ports.ts";
import { commitObject, createBucket, id, initCluster, inlineBlob } from "../testing/commands.ts";
import { FakeLog } from "../testing/fake-log.ts";
import { Replica } from "../testing/harness.ts";
import { type MetaNode, MetaWorld } from "../testing/node.ts";
import { connectTo } from "../testing/stream-pair.ts";
import { SnapshotReceiver } from "./receiver.ts";
import { SnapshotSender } from "./sender.ts";

const GROUP = { clusterId: "cluster", groupId: 0 } as const;
const LEADER = { clusterId: "cluster", nodeId: 1 };
const NO_CONFIGURATION = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const OBJECTS = 40;

/** The one log, and what the rows are after each of its entries. */
const { log: LOG, states: STATES } = history();

function history(): { log: readonly CommittedEntry[]; states: readonly string[] } {
  const replica = new Replica();
  const states = [textOf([])];
  const commands = [initCluster(), createBucket("bucket")];
  for (let number = 1; number <= OBJECTS; number++) {
    commands.push(commitObject(`key-${number % 25}`, id(number), [inlineBlob(id(1_000 + number), 9_000)]));
  }
  for (const command of commands) {
    replica.run(command);
    states.push(textOf(replica.store.all()));
  }
  return { log: replica.log, states };
}

/** All but the applied row, which also says what the configuration is. */
function textOf(rows: readonly StoreRow[]): string {
  const hash = createHash("sha256");
  for (const { key, value } of rows.filter((row) => row.key.startsWith("0000") && row.key !== APPLIED_KEY)) {
    hash.update(`${key.length} ${key} ${value.length} `).update(value);
  }
  return hash.digest("hex");
}

function rowsOf(node: MetaNode): Promise<readonly StoreRow[]> {
  return node.directory.live.use((store: OrderedStore) => store.page({ limit: 100_000 }));
}

/** Where the state stands, and up to where that is promised. */
interface Standing {
  readonly index: number;
  /** What was applied and neither checkpointed nor installed may go: the log replays it. */
  readonly promised: number;
}

function senderOf(node: MetaNode, connect: ReturnType<typeof connectTo>): SnapshotSender {
  const { hasher, timers } = node.platform;
  const waitForApplied = (index: number): Promise<void> => node.machine.waitForApplied(index);
  const store = node.directory.live;
  return new SnapshotSender({
    nodeId: 1,
    ...GROUP,
    store,
    hasher,
    timers,
    connect: () => connect,
    waitForApplied,
  });
}

function markOf(message: Uint8Array): SnapshotMark {
  const { snapshot } = fromBinary(MessageSchema, message);
  return { index: Number(snapshot?.index), term: Number(snapshot?.term), confState: NO_CONFIGURATION };
}

class Script implements CrashScript<Standing> {
  readonly finished: Promise<void>;
  readonly #world: MetaWorld;
  readonly #ownLog = new FakeLog();
  #promised = 0;

  constructor({ simulation, machine }: CrashWorld) {
    this.#world = new MetaWorld(simulation);
    this.#world.adopt("follower", machine);
    this.#world.adopt("leader", new SimMachine(simulation, "leader"));
    this.finished = this.#run();
  }

  progress(): Standing {
    return { index: this.#promised, promised: this.#promised };
  }

  async #run(): Promise<void> {
    const leader = await this.#world.begin("leader", { log: new FakeLog() });
    await leader.machine.apply(LOG.slice(0, 12));
    const follower = await this.#world.begin("follower", { nodeId: 2, log: this.#ownLog });
    await this.#send(leader, follower, "installed");
    await this.#apply(follower, 16);
    await leader.machine.apply(LOG.slice(0, 20));
    await this.#send(leader, follower, "broken");
    await leader.machine.apply(LOG.slice(0, 26));
    await this.#send(leader, follower, "not wanted");
    await this.#send(leader, follower, "broken");
    await this.#send(leader, follower, "installed");
    await this.#apply(follower, 30);
    await leader.machine.apply(LOG.slice(0, 34));
    await this.#send(leader, follower, "installed");
    await leader.machine.apply(LOG.slice(0, 36));
    await this.#send(leader, follower, "installed");
    await this.#apply(follower, LOG.length);
    await follower.directory.close();
  }

  /** Applies without a promise, then checkpoints. */
  async #apply(node: MetaNode, to: number): Promise<void> {
    for (let index = node.machine.view.appliedIndex(); index < to; index++) {
      await node.machine.apply(LOG.slice(index, index + 1));
    }
    this.#promised = await node.machine.checkpoint();
  }

  async #send(
    leader: MetaNode,
    follower: MetaNode,
    how: "installed" | "not wanted" | "broken",
  ): Promise<void> {
    this.#ownLog.onSnapshot = async (message) => {
      if (how === "not wanted") return false;
      const mark = markOf(message);
      await follower.machine.installSnapshot(mark);
      this.#promised = mark.index;
      return true;
    };
    const { hasher } = follower.platform;
    const { directory, log, machine } = follower;
    const receiver = new SnapshotReceiver({ nodeId: 2, ...GROUP, directory, hasher, log, machine });
    const connection = connectTo(this.#world.simulation, receiver.handlers(), LEADER, (end) => {
      end.cut = (delivered) => how === "broken" && delivered === 2;
    });
    const index = leader.machine.view.appliedIndex();
    const sent = senderOf(leader, connection).send(2, { index, term: 1, confState: NO_CONFIGURATION }, 3);
    const isSent = await sent.then(
      () => true,
      () => false,
    );
    expect(isSent, `a snapshot that is to be ${how}`).toBe(how === "installed");
  }
}

async function recover({ simulation, machine }: CrashWorld): Promise<Recovered<Standing>> {
  const world = new MetaWorld(simulation);
  world.adopt("follower", machine);
  const node = await world.begin("follower", { nodeId: 2, log: new FakeLog() });
  const index = node.machine.view.appliedIndex();
  expect(textOf(await rowsOf(node)), `the rows at index ${index}`).toBe(STATES[index]);
  const goOn = async (): Promise<Standing> => {
    await installStaged(node);
    await node.machine.apply(LOG.slice(node.machine.view.appliedIndex()));
    const promised = await node.machine.checkpoint();
    return { index: promised, promised };
  };
  return { state: { index, promised: 0 }, goOn };
}

/** What was verified before the crash may be what the core had decided on: it must be possible to do that now. */
async function installStaged({ directory, machine }: MetaNode): Promise<void> {
  const { staging } = directory;
  const snapshot = staging?.header.message?.snapshot;
  if (staging?.isVerified !== true || Number(snapshot?.index) < machine.view.appliedIndex()) return;
  const index = Number(snapshot?.index);
  await machine.installSnapshot({ index, term: Number(snapshot?.term), confState: NO_CONFIGURATION });
  const rows = await directory.live.use((store) => store.page({ limit: 100_000 }));
  expect(textOf(rows), `the installed rows at index ${index}`).toBe(STATES[index]);
}

const subject: CrashSubject<Standing, Standing> = {
  name: "the metadata's directory",
  run: (world) => new Script(world),
  recover,
  check: (found, { promised }) => expect(found.index).toBeGreaterThanOrEqual(promised),
  checkStays: ({ promised }, found) => expect(found.index).toBeGreaterThanOrEqual(promised),
};

test(
  "the metadata is a whole state that goes as far as was promised, whatever a power loss leaves",
  async () => {
    const counts = await tryCrashes(subject, crashBudget("metadata", 40));
    expect(counts.images).toBeGreaterThan(100);
  },
  CRASH_TEST_TIMEOUT_MS,
);
