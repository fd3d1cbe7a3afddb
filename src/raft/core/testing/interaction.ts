import type { LogStorage } from "../../ports.ts";
import type {
  ConfChange,
  ConfState,
  Entry,
  HardState,
  Message,
  MessageType,
  NodeId,
  Snapshot,
} from "../../types.ts";
import { isConfChange } from "../entry.ts";
import { MemoryStorage } from "../memory-storage.ts";
import { isLocalTarget, message } from "../message.ts";
import type { RawNodeOptions } from "../options.ts";
import { voterIds } from "../quorum.ts";
import { RawNode } from "../raw-node.ts";
import type { StepResult } from "../status.ts";
import type { Argument, DataDrivenCase } from "./datadriven.ts";
import {
  describeEntries,
  describeMessage,
  describeProgress,
  describeReady,
  parseChanges,
} from "./describe.ts";
import { testConfChangeCodec } from "./test-codec.ts";

/**
 * Plays the commands of scenario files on a group of nodes, and writes down what happens. Nothing happens by itself: messages wait
 * until a command delivers them, Readys until a command handles them, writes until a command lets the storage threads run.
 */

const ELECTION_TICKS = 3;
const HEARTBEAT_TICKS = 1;
const MOST_ROUNDS = 1_000;

interface ScenarioNode {
  readonly id: NodeId;
  readonly raw: RawNode;
  readonly storage: MemoryStorage;
  readonly async: boolean;
  /** What the append and the apply thread have yet to do. */
  readonly appendWork: Message[];
  readonly applyWork: Message[];
  /** The state machine, which concatenates data, after each entry. */
  readonly history: Snapshot[];
}

const STEP_TEXT: Record<StepResult, string> = {
  accepted: "",
  dropped: "raft proposal dropped",
  applying: "entries are being applied",
  "local-message": "raft: cannot step raft local message",
  "unknown-peer": "raft: cannot step as peer not found",
};

export class InteractionEnvironment {
  readonly #nodes: ScenarioNode[] = [];
  #messages: Message[] = [];
  #output = "";
  #quiet = false;

  /** Runs one case and returns its output: "ok" when there is none. */
  run(scenario: DataDrivenCase): string {
    this.#output = "";
    const error = this.#command(scenario);
    if (error !== "") {
      if (this.#quiet) return error;
      this.#write(error);
    }
    return this.#output === "" ? "ok" : this.#output;
  }

  #command({ command, args, input }: DataDrivenCase): string {
    const [first] = positional(args);
    switch (command) {
      case "add-nodes":
        return this.#addNodes(first!, args);
      case "campaign":
        this.#node(first!).raw.campaign();
        return "";
      case "compact":
        this.#node(first!).storage.compact(positional(args)[1]!);
        return this.#raftLog(this.#node(first!));
      case "deliver-msgs":
        return this.#deliverCommand(args);
      case "forget-leader":
        this.#node(first!).raw.forgetLeader();
        return "";
      case "log-level":
        this.#quiet = args[0]!.key.toLowerCase() === "none";
        return "";
      case "process-append-thread":
        return this.#forEach(args, "processing append thread", (node) => this.#processAppendThread(node));
      case "process-apply-thread":
        return this.#forEach(args, "processing apply thread", (node) => this.#processApplyThread(node));
      case "process-ready":
        return this.#forEach(args, "handling Ready", (node) => this.#processReady(node));
      case "propose":
        return STEP_TEXT[this.#node(first!).raw.propose([new TextEncoder().encode(args[1]!.key)])];
      case "propose-conf-change":
        return this.#proposeConfChange(this.#node(first!), args, input);
      case "raft-log":
        return this.#raftLog(this.#node(first!));
      case "raft-state":
        for (const node of this.#nodes) this.#raftState(node);
        return "";
      case "report-unreachable":
        this.#node(first!).raw.reportUnreachable(positional(args)[1]!);
        return "";
      case "send-snapshot":
        return this.#sendSnapshot(this.#node(first!), positional(args)[1]!);
      case "set-randomized-election-timeout":
        this.#node(first!).raw.setRandomizedElectionTimeout(Number(value(args, "timeout")));
        return "";
      case "stabilize":
        return this.#stabilizeCommand(args);
      case "status":
        this.#write(describeProgress(this.#node(first!).raw.status().progress));
        return "";
      case "tick-election":
        for (let tick = 0; tick < ELECTION_TICKS; tick++) this.#node(first!).raw.tick();
        return "";
      case "tick-heartbeat":
        for (let tick = 0; tick < HEARTBEAT_TICKS; tick++) this.#node(first!).raw.tick();
        return "";
      case "transfer-leadership":
        this.#node(Number(value(args, "from"))).raw.transferLeader(Number(value(args, "to")));
        return "";
      default:
        return "unknown command";
    }
  }

  #node(id: NodeId): ScenarioNode {
    return this.#nodes[id - 1]!;
  }

  #write(text: string): void {
    if (!this.#quiet) this.#output += text;
  }

  #indented(action: () => void): void {
    const before = this.#output;
    this.#output = "";
    action();
    const lines = this.#output.split("\n");
    if (lines.at(-1) === "") lines.pop();
    this.#output = before + lines.map((line) => `  ${line}\n`).join("");
  }

  #addNodes(count: number, args: readonly Argument[]): string {
    const numbers = (key: string) => values(args, key).map(Number);
    const index = Number(value(args, "index") ?? 0);
    const confState: ConfState = {
      voters: numbers("voters"),
      learners: numbers("learners"),
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const data = new TextEncoder().encode(value(args, "content") ?? "");
    const bootstrap = index > 0 || confState.voters.length > 0 || confState.learners.length > 0;
    if (bootstrap && index <= 1) return "index must be specified as > 1 due to bootstrap";
    const snapshot: Snapshot = { metadata: { index, term: bootstrap ? 1 : 0, confState }, data };
    for (let added = 0; added < count; added++) this.#addNode(snapshot, bootstrap, args);
    return "";
  }

  #addNode(snapshot: Snapshot, bootstrap: boolean, args: readonly Argument[]): void {
    const storage = new MemoryStorage();
    if (bootstrap) storage.applySnapshot(snapshot);
    const history = [snapshot];
    const options = nodeOptions(this.#nodes.length + 1, newestSnapshot(storage, history), args);
    this.#nodes.push({
      id: options.id,
      raw: new RawNode({ ...options, applied: snapshot.metadata.index }),
      storage,
      async: options.asyncStorageWrites ?? false,
      appendWork: [],
      applyWork: [],
      history,
    });
  }

  #deliverCommand(args: readonly Argument[]): string {
    const type = value(args, "type") as MessageType | undefined;
    let delivered = 0;
    for (const id of positional(args)) delivered += this.#deliver(id, type, false);
    for (const id of values(args, "drop")) delivered += this.#deliver(Number(id), type, true);
    if (delivered === 0) this.#write("no messages\n");
    return "";
  }

  #waiting(to: NodeId, type: MessageType | undefined, drop: boolean): Message[] {
    return this.#messages.filter(
      (sent) => sent.to === to && (type === undefined || sent.type === type) && !(drop && isLocal(sent)),
    );
  }

  #deliver(to: NodeId, type: MessageType | undefined, drop: boolean): number {
    const delivered = this.#waiting(to, type, drop);
    this.#messages = this.#messages.filter((sent) => !delivered.includes(sent));
    for (const sent of delivered) {
      this.#write(`${drop ? "dropped: " : ""}${describeMessage(sent)}\n`);
      if (drop) continue;
      const result = STEP_TEXT[this.#node(to).raw.step(sent)];
      if (result !== "") this.#write(`${result}\n`);
    }
    return delivered.length;
  }

  /** With a headline each when there are several. */
  #forEach(args: readonly Argument[], what: string, action: (node: ScenarioNode) => void): string {
    const ids = positional(args);
    for (const id of ids) {
      if (ids.length === 1) {
        action(this.#node(id));
      } else {
        this.#write(`> ${id} ${what}\n`);
        this.#indented(() => action(this.#node(id)));
      }
    }
    return "";
  }

  #processReady(node: ScenarioNode): void {
    const ready = node.raw.ready();
    this.#write(describeReady(ready));
    if (!node.async) {
      writeStorage(node.storage, ready);
      applyEntries(node, ready.committedEntries);
    }
    for (const sent of ready.messages) {
      if (sent.type === "MsgStorageAppend") node.appendWork.push(sent);
      else if (sent.type === "MsgStorageApply") node.applyWork.push(sent);
      else this.#messages.push(sent);
    }
    if (!node.async) node.raw.advance();
  }

  #processAppendThread(node: ScenarioNode): void {
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.#write("no append work to perform");
      return;
    }
    const { term, vote, commit, entries, snapshot } = work;
    const hardState = term === 0 && vote === 0 && commit === 0 ? undefined : { term, vote, commit };
    writeStorage(node.storage, { hardState, entries, snapshot });
    this.#finish(work);
  }

  #processApplyThread(node: ScenarioNode): void {
    const work = node.applyWork.shift();
    if (work === undefined) {
      this.#write("no apply work to perform");
      return;
    }
    applyEntries(node, work.entries);
    this.#finish(work);
  }

  #finish(work: Message): void {
    this.#write(`Processing:\n${describeMessage({ ...work, responses: [] })}\nResponses:\n`);
    for (const response of work.responses) this.#write(`${describeMessage(response)}\n`);
    this.#messages.push(...work.responses);
  }

  #proposeConfChange(node: ScenarioNode, args: readonly Argument[], input: string): string {
    const transition = ({ implicit: "JointImplicit", explicit: "JointExplicit", auto: "Auto" } as const)[
      (value(args, "transition") ?? "auto") as "implicit" | "explicit" | "auto"
    ];
    const change: ConfChange = { transition, changes: parseChanges(input), context: undefined };
    const type = value(args, "v1") === "true" ? "EntryConfChange" : "EntryConfChangeV2";
    return STEP_TEXT[node.raw.proposeConfChange(change, type)];
  }

  #raftLog({ storage }: ScenarioNode): string {
    const [first, last] = [storage.firstIndex(), storage.lastIndex()];
    if (last < first) this.#write(`log is empty: first index=${first}, last index=${last}`);
    else this.#write(describeEntries(storage.entries(first, last + 1, Number.POSITIVE_INFINITY)));
    return "";
  }

  #raftState({ raw }: ScenarioNode): void {
    const { id, role, hardState, lead, configuration } = raw.status();
    const voter = voterIds(configuration.voters).includes(id) ? "(Voter)" : "(Non-Voter)";
    this.#write(`${id}: ${role} ${voter} Term:${hardState.term} Lead:${lead}\n`);
  }

  #sendSnapshot(node: ScenarioNode, to: NodeId): string {
    const snapshot = node.history.at(-1);
    const sent = message({ type: "MsgSnap", term: node.raw.term, from: node.id, to, snapshot });
    this.#messages.push(sent);
    this.#write(describeMessage(sent));
    return "";
  }

  #stabilizeCommand(args: readonly Argument[]): string {
    const level = value(args, "log-level");
    const before = this.#quiet;
    if (level !== undefined) this.#quiet = level.toLowerCase() === "none";
    const ids = positional(args);
    const nodes = ids.length === 0 ? this.#nodes : ids.map((id) => this.#node(id));
    for (let round = 0; this.#round(nodes); round++) {
      if (round === MOST_ROUNDS) throw new Error("the group does not come to rest");
    }
    this.#quiet = before;
    return "";
  }

  /** Lets everybody do what there is to do: Readys, messages, writes, applications. False: nobody had anything. */
  #round(nodes: readonly ScenarioNode[]): boolean {
    let busy = false;
    const act = (node: ScenarioNode, what: string, action: () => void) => {
      busy = true;
      this.#write(`> ${node.id} ${what}\n`);
      action();
    };
    for (const node of nodes) {
      if (!node.raw.hasReady()) continue;
      act(node, "handling Ready", () => this.#indented(() => this.#processReady(node)));
    }
    for (const node of nodes) {
      if (this.#waiting(node.id, undefined, false).length === 0) continue;
      act(node, "receiving messages", () => this.#indented(() => this.#deliver(node.id, undefined, false)));
    }
    for (const node of nodes) {
      if (node.appendWork.length === 0) continue;
      act(node, "processing append thread", () => {
        while (node.appendWork.length > 0) this.#indented(() => this.#processAppendThread(node));
      });
    }
    for (const node of nodes) {
      if (node.applyWork.length === 0) continue;
      act(node, "processing apply thread", () => {
        while (node.applyWork.length > 0) this.#indented(() => this.#processApplyThread(node));
      });
    }
    return busy;
  }
}

function positional(args: readonly Argument[]): number[] {
  return args.filter(({ values }) => values.length === 0).map(({ key }) => Number(key));
}

function values(args: readonly Argument[], key: string): readonly string[] {
  return args.find((arg) => arg.key === key)?.values ?? [];
}

function value(args: readonly Argument[], key: string): string | undefined {
  return values(args, key)[0];
}

function isLocal({ from, to }: Message): boolean {
  return from === to || isLocalTarget(from) || isLocalTarget(to);
}

function nodeOptions(id: NodeId, storage: LogStorage, args: readonly Argument[]): RawNodeOptions {
  const flag = (key: string) => value(args, key) === "true";
  const number = (key: string) => Number(value(args, key) ?? Number.POSITIVE_INFINITY);
  return {
    id,
    storage,
    confChangeCodec: testConfChangeCodec,
    random: { below: () => 0 },
    electionTicks: ELECTION_TICKS,
    heartbeatTicks: HEARTBEAT_TICKS,
    maxInflightMessages: number("inflight"),
    maxApplyingBytes: number("max-committed-size-per-ready"),
    asyncStorageWrites: flag("async-storage-writes"),
    preVote: flag("prevote"),
    checkQuorum: flag("checkquorum"),
    disableConfChangeValidation: flag("disable-conf-change-validation"),
    stepDownOnRemoval: flag("step-down-on-removal"),
    readOnly: value(args, "read-only") === "lease-based" ? "lease-based" : "safe",
  };
}

/** The storage, but with a snapshot of the newest applied state. */
function newestSnapshot(storage: MemoryStorage, history: readonly Snapshot[]): LogStorage {
  return {
    initialState: () => storage.initialState(),
    entries: (lo, hi, maxBytes) => storage.entries(lo, hi, maxBytes),
    term: (index) => storage.term(index),
    firstIndex: () => storage.firstIndex(),
    lastIndex: () => storage.lastIndex(),
    snapshot: () => history.at(-1)!,
  };
}

interface StorageWrite {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
}

function writeStorage(storage: MemoryStorage, { hardState, entries, snapshot }: StorageWrite): void {
  if (hardState !== undefined) storage.setHardState(hardState);
  if (snapshot !== undefined) storage.applySnapshot(snapshot);
  else storage.append(entries);
}

function applyEntries({ raw, history }: ScenarioNode, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const last = history.at(-1)!;
    const changes = isConfChange(entry);
    const confState = changes ? raw.applyConfChange(raw.decodeConfChange(entry)) : last.metadata.confState;
    const { index, term } = entry;
    const data = changes ? last.data : Uint8Array.from([...last.data, ...entry.data]);
    history.push({ metadata: { index, term, confState }, data });
  }
}
