/** One Raft member with an empty state machine, driven over IPC: what `make bench` measures Raft alone with. */
import { NodeClock } from "../../src/platform/node/index.ts";
import {
  type ConfState,
  type Entry,
  type RaftPeer,
  type SnapshotMetadata,
  type StateMachine,
  startRaftThread,
} from "../../src/raft/index.ts";

export interface RaftNodeStart {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly incarnation: string;
  readonly directory: string;
  readonly port: number;
  readonly peers: readonly RaftPeer[];
  readonly voters: readonly number[];
  readonly tls: {
    readonly certificatePem: string;
    readonly privateKeyPem: string;
    readonly caCertificatePem: string;
  };
}

export interface CommitLoad {
  readonly inFlight: number;
  readonly durationMs: number;
  readonly payloadBytes: number;
}

const clock = new NodeClock();
/** Number of a proposal of this node to what waits for its apply. */
const waiting = new Map<number, () => void>();
let applied: SnapshotMetadata = { index: 0, term: 0, confState: emptyConfiguration() };

const stateMachine: StateMachine = {
  apply: async (entries: readonly Entry[]) => {
    for (const entry of entries) {
      applied = { ...applied, index: entry.index, term: entry.term };
      if (entry.type !== "EntryNormal" || entry.data.length < 8) continue;
      const view = new DataView(entry.data.buffer, entry.data.byteOffset, entry.data.byteLength);
      if (view.getUint32(0) !== start.nodeId) continue;
      const number = view.getUint32(4);
      const done = waiting.get(number);
      waiting.delete(number);
      done?.();
    }
  },
  configurationChanged: (_, confState) => {
    applied = { ...applied, confState };
  },
  restored: async () => ({ ...applied, isInstalled: false, timeMs: 0 }),
  checkpoint: async () => applied.index,
  sendSnapshot: () => Promise.reject(new Error("the bench has no snapshots")),
  installSnapshot: () => Promise.reject(new Error("the bench has no snapshots")),
};

const start = JSON.parse(process.argv[2] ?? "{}") as RaftNodeStart;
const raft = await startRaftThread({
  identity: { clusterId: start.clusterId, groupId: 1, nodeId: start.nodeId, incarnation: start.incarnation },
  directory: start.directory,
  listen: { host: "127.0.0.1", port: start.port },
  advertiseHost: "127.0.0.1",
  peers: start.peers,
  bootstrap: { voters: start.voters },
  stateMachine,
  tls: start.tls,
  onFatal: (error) => {
    console.error(error);
    process.exit(1);
  },
});

process.on(
  "message",
  (message: { readonly kind: "status" } | { readonly kind: "load"; readonly load: CommitLoad }) => {
    if (message.kind === "status") process.send?.({ leader: raft.status().leader });
    else void runLoad(message.load).then((result) => process.send?.(result));
  },
);
process.on("disconnect", () => process.exit(0));
process.send?.({ ready: true });

let lastNumber = 0;

async function runLoad({ inFlight, durationMs, payloadBytes }: CommitLoad) {
  const times: number[] = [];
  const begun = clock.monotonicMs();
  const deadline = begun + durationMs;
  const lane = async (): Promise<void> => {
    while (clock.monotonicMs() < deadline) {
      const at = clock.monotonicMs();
      await commit(payloadBytes);
      times.push(clock.monotonicMs() - at);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (clock.monotonicMs() - begun) / 1000;
  times.sort((a, b) => a - b);
  return {
    perSecond: times.length / seconds,
    p50Ms: times[Math.floor(times.length * 0.5)] ?? 0,
    p99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
  };
}

function commit(payloadBytes: number): Promise<void> {
  return new Promise((resolve) => {
    const number = ++lastNumber;
    const data = new Uint8Array(payloadBytes);
    const view = new DataView(data.buffer);
    view.setUint32(0, start.nodeId);
    view.setUint32(4, number);
    waiting.set(number, resolve);
    const propose = (): void => {
      if (!raft.propose(data)) setTimeout(propose, 1);
    };
    propose();
  });
}

function emptyConfiguration(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}
