import {
  type ConfChangeSingle,
  type ConfState,
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type NodeId,
  type Ready,
  type Snapshot,
} from "../../types.ts";
import type { Configuration } from "../configuration.ts";
import type { IdSet } from "../id-set.ts";
import type { AckedIndex } from "../quorum.ts";
import type { ProgressStatus } from "../status.ts";
import { testConfChangeCodec } from "./test-codec.ts";

/** The notation of the scenario files. */

const CHANGE_LETTERS = { AddNode: "v", AddLearnerNode: "l", RemoveNode: "r", UpdateNode: "u" } as const;

/** "v1 l2 r3 u4" as changes. */
export function parseChanges(text: string): ConfChangeSingle[] {
  const words = text.split(/\s+/).filter((word) => word !== "");
  return words.map((word) => {
    const found = Object.entries(CHANGE_LETTERS).find(([, letter]) => letter === word[0]);
    if (found === undefined) throw new Error(`unknown input: ${word}`);
    return { type: found[0] as ConfChangeSingle["type"], nodeId: Number(word.slice(1)) };
  });
}

export function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${CHANGE_LETTERS[type]}${nodeId}`).join(" ");
}

export function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === 0 ? "" : ` Vote:${vote}`} Commit:${commit}`;
}

export function describeEntry(entry: Entry): string {
  const said = describeData(entry);
  return `${entry.term}/${entry.index} ${entry.type}${said === "" ? "" : ` ${said}`}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${describeEntry(entry)}\n`).join("");
}

export function describeMessage(described: Message, indent = ""): string {
  const { type, term, logTerm, index, commit, vote, entries, snapshot, responses } = described;
  let text = `${indent}${describeTarget(described.from)}->${describeTarget(described.to)} ${type}`;
  text += ` Term:${term} Log:${logTerm}/${index}`;
  if (described.reject) text += ` Rejected (Hint: ${described.rejectHint})`;
  if (commit !== 0) text += ` Commit:${commit}`;
  if (vote !== 0) text += ` Vote:${vote}`;
  if (entries.length === 1) text += ` Entries:[${describeEntry(entries[0]!)}]`;
  if (entries.length > 1) {
    text += ` Entries:[${entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`).join("")}\n${indent}]`;
  }
  if (snapshot !== undefined) text += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  if (responses.length > 0) {
    const lines = responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`);
    text += ` Responses:[${lines.join("")}\n${indent}]`;
  }
  return text;
}

export function describeReady(ready: Ready): string {
  let text = "";
  if (ready.softState !== undefined) text += `Lead:${ready.softState.lead} State:${ready.softState.role}\n`;
  if (ready.hardState !== undefined) text += `HardState ${describeHardState(ready.hardState)}\n`;
  for (const { index, context } of ready.readStates) text += `ReadState ${index} ${quoted(context)}\n`;
  if (ready.entries.length > 0) text += `Entries:\n${describeEntries(ready.entries)}`;
  if (ready.snapshot !== undefined) text += `Snapshot ${describeSnapshot(ready.snapshot)}\n`;
  if (ready.committedEntries.length > 0)
    text += `CommittedEntries:\n${describeEntries(ready.committedEntries)}`;
  if (ready.messages.length > 0) {
    text += `Messages:\n${ready.messages.map((sent) => `${describeMessage(sent)}\n`).join("")}`;
  }
  return text === "" ? "<empty Ready>" : `Ready MustSync=${ready.mustSync}:\n${text}`;
}

export function describeConfiguration(configuration: Configuration): string {
  const { voters, learners, learnersNext, autoLeave } = configuration;
  let text = `voters=${describeIds(voters.incoming)}`;
  if (voters.outgoing.length > 0) text += `&&${describeIds(voters.outgoing)}`;
  if (learners.length > 0) text += ` learners=${describeIds(learners)}`;
  if (learnersNext.length > 0) text += ` learners_next=${describeIds(learnersNext)}`;
  return autoLeave ? `${text} autoleave` : text;
}

export function describeProgress(progress: readonly ProgressStatus[]): string {
  return progress.map((member) => `${member.id}: ${describeMember(member)}\n`).join("");
}

/** The acknowledged indexes of voters, with bars that tell their order; equal indexes have equal bars. */
export function describeAcked(voters: IdSet, acked: AckedIndex): string {
  if (voters.length === 0) return "<empty majority quorum>";
  const width = voters.length;
  const indexes = voters.map((id) => acked(id) ?? 0);
  const lines = voters.map((id) => {
    const index = acked(id);
    const bar = indexes.filter((other) => other < (index ?? 0)).length;
    const drawn =
      index === undefined ? `?${" ".repeat(width)}` : `${"x".repeat(bar)}>${" ".repeat(width - bar)}`;
    return `${drawn} ${String(index ?? 0).padStart(5)}    (id=${id.toString(16)})\n`;
  });
  return `${" ".repeat(width)}    idx\n${lines.join("")}`;
}

function describeData(entry: Entry): string {
  if (entry.type === "EntryNormal") return quoted(entry.data);
  return entry.data.length === 0 ? "" : describeChanges(testConfChangeCodec.decode(entry.data)!.changes);
}

function describeMember(member: ProgressStatus): string {
  let text = `${member.state} match=${member.match} next=${member.next}`;
  if (member.isLearner) text += " learner";
  if (member.paused) text += " paused";
  if (member.pendingSnapshot > 0) text += ` pendingSnap=${member.pendingSnapshot}`;
  if (!member.recentActive) text += " inactive";
  if (member.inflightMessages > 0)
    text += ` inflight=${member.inflightMessages}${member.inflightFull ? "[full]" : ""}`;
  return text;
}

function describeSnapshot({ metadata }: Snapshot): string {
  return `Index:${metadata.index} Term:${metadata.term} ConfState:${describeConfState(metadata.confState)}`;
}

function describeConfState(state: ConfState): string {
  const list = (ids: readonly NodeId[]) => `[${ids.join(" ")}]`;
  return (
    `Voters:${list(state.voters)} VotersOutgoing:${list(state.votersOutgoing)} Learners:${list(state.learners)} ` +
    `LearnersNext:${list(state.learnersNext)} AutoLeave:${state.autoLeave}`
  );
}

function describeIds(ids: IdSet): string {
  return `(${ids.map((id) => id.toString(16)).join(" ")})`;
}

function describeTarget(id: NodeId): string {
  if (id === LOCAL_APPEND_THREAD) return "AppendThread";
  if (id === LOCAL_APPLY_THREAD) return "ApplyThread";
  return id === 0 ? "None" : id.toString(16);
}

function quoted(data: Uint8Array): string {
  return JSON.stringify(new TextDecoder().decode(data));
}
