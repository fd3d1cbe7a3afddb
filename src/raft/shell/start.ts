import { assert } from "../../base/index.ts";
import { RaftFatal, WalError } from "../errors.ts";
import type { RestoredState, StateMachine } from "../ports.ts";
import { StartRecords } from "../starts/index.ts";
import { RaftTransport, type TransportLimits } from "../transport/index.ts";
import type { ConfState, HardState, SnapshotMetadata } from "../types.ts";
import { openWal, type ReplayedGroup, type Wal, type WalOptions } from "../wal/index.ts";
import { LogCache } from "./log-cache.ts";
import {
  DEFAULT_RAFT_SETTINGS,
  type RaftBootstrap,
  type RaftInlineStart,
  type RaftSettings,
  type StartedInlineRaft,
} from "./options.ts";
import { RaftShell, type ShellStart } from "./shell.ts";

/**
 * Starts a member on the calling thread: reads the log, finds where the state machine is, listens and takes part. Rejects with a `DiskError`
 * or a `WalError` ("missing": there is a state and no log, or a log was required; "damaged": nothing of the log can be read;
 * "outdated"; "unknown-version", "foreign"), with the listener's error, or as the state machine does.
 */
export async function startRaftInline(start: RaftInlineStart): Promise<StartedInlineRaft> {
  const merged: RaftSettings = { ...DEFAULT_RAFT_SETTINGS, ...start.settings };
  // Until the shell stands, whoever starts it hears of an error by the rejection.
  let shell: RaftShell | undefined;
  let early: Error | undefined;
  let older: RaftFatal | undefined;
  const walOptions: WalOptions = {
    disk: start.platform.disk,
    crc32c: (bytes, seed) => start.platform.hasher.crc32c(bytes, seed),
    directory: start.directory,
    identity: start.identity,
    segmentBytes: merged.walSegmentBytes,
    maxBatchBytes: merged.walMaxBatchBytes,
    onFatal: (error) => {
      const cause = error instanceof Error ? error : new Error(String(error));
      if (shell === undefined) early = cause;
      else shell.fatal(new RaftFatal("wal", cause.message, { cause }));
    },
  };
  const begin = await prepare(start, walOptions);
  try {
    const transport = await RaftTransport.start({
      ...start,
      starts: await openStarts(start),
      ...start.identity,
      ...start.platform,
      limits: transportLimits(merged),
      onOlderStart: (_by, message) => {
        older = new RaftFatal("outdated", message);
        shell?.fatal(older);
      },
      onMessages: (_from, messages) => shell?.received(messages),
      onSnapshotWanted: (from) => shell?.snapshotWanted(from),
      onUnreachable: (nodeId) => shell?.unreachable(nodeId),
      onEvent: (event) => shell?.transportEvent(event),
    });
    if (early !== undefined) {
      await transport.close();
      throw early;
    }
    shell = new RaftShell({ ...start, merged, walOptions }, transport, begin);
    if (older !== undefined) shell.fatal(older);
    return shell;
  } catch (error) {
    if (shell === undefined && begin.kind === "member") await begin.wal.close();
    throw error;
  }
}

/** The log's directory is there. */
async function openStarts({
  platform,
  directory,
  startNumber,
}: RaftInlineStart): Promise<StartRecords | undefined> {
  if (startNumber === undefined) return undefined;
  const { disk, random, hasher } = platform;
  const checksum = (bytes: Uint8Array) => hasher.crc32c(bytes);
  return StartRecords.open({ disk, random, checksum, directory, startNumber });
}

function transportLimits(settings: RaftSettings): TransportLimits {
  // A message holds maxMessageBytes of entries or one larger one; frames around it cost little.
  const largest = Math.max(settings.maxMessageBytes, settings.maxProposalBytes);
  return {
    frameBytes: settings.maxMessageBytes,
    maxFrameBytes: settings.maxMessageBytes + 2 * largest,
    maxQueueMessages: settings.maxSendQueueMessages,
    maxQueueBytes: settings.maxSendQueueBytes,
    minBackoffMs: settings.tickMs / 2,
    maxBackoffMs: settings.tickMs * settings.electionTicks,
  };
}

/** Brings log and state machine together. */
async function prepare(start: RaftInlineStart, walOptions: WalOptions): Promise<ShellStart> {
  const { groupId } = start.identity;
  const opened = await openWal(walOptions);
  const restored = await start.stateMachine.restored();
  if (opened.kind === "damaged") {
    const summary = opened.groups.find((group) => group.groupId === groupId);
    const reason = opened.damage
      .map(({ segment, batch, what }) => `segment ${segment} batch ${batch}: ${what}`)
      .join("; ");
    if (summary === undefined) {
      throw new WalError("damaged", `nothing of the log can be read (${reason}): this node must join anew`);
    }
    const hardState = { term: summary.term, vote: summary.vote, commit: restored.index };
    return { kind: "fenced", fence: { reason, hardState, last: summary.last, restored } };
  }
  const { wal } = opened;
  try {
    for (const { segment, fromOffset, toOffset } of opened.cuts) {
      start.onEvent?.({ kind: "log-torn-tail-cut", segment, cutBytes: toOffset - fromOffset });
    }
    const group = opened.groups.get(groupId);
    if (group === undefined) return await begin(start, wal, restored);
    return await resume(start, wal, group, restored);
  } catch (error) {
    await wal.close();
    throw error;
  }
}

/** The first start of a node: there is no log. */
async function begin(start: RaftInlineStart, wal: Wal, restored: RestoredState): Promise<ShellStart> {
  const { identity, bootstrap, stateMachine, requireExisting } = start;
  const { groupId } = identity;
  const { timeMs } = restored;
  if (requireExisting === true) throw new WalError("missing", "this node had a log, and it is gone");
  if (restored.index > 0 && bootstrap?.restoredState !== true) {
    throw new WalError("missing", `there is a state at index ${restored.index} and no log`);
  }
  if (bootstrap === undefined) {
    const hardState: HardState = { term: 0, vote: 0, commit: 0 };
    wal.append({ groupId, hardState });
    await wal.seal(groupId);
    const log = new LogCache({ hardState, base: { term: 0, index: 0 }, entries: [], applied: restored });
    return { kind: "member", wal, log, fence: undefined, timeMs };
  }
  const confState = bootstrapConfState(bootstrap);
  // The first entry is virtual: it has no data, and carries the first configuration. All others get it by a snapshot.
  const mark = {
    term: Math.max(1, restored.term),
    index: restored.index + 1,
    reset: true,
    bootstrap: true,
  };
  const hardState: HardState = { term: mark.term, vote: 0, commit: mark.index };
  wal.append({ groupId, hardState, mark, confState: { index: mark.index, confState } });
  await wal.seal(groupId);
  const applied = { term: mark.term, index: mark.index, confState };
  await applyFirst(stateMachine, applied);
  const log = new LogCache({ hardState, base: mark, entries: [], applied });
  return { kind: "member", wal, log, fence: undefined, timeMs };
}

function bootstrapConfState({ voters }: RaftBootstrap): ConfState {
  assert(voters.length > 0, "a group begins with at least one voter");
  const sorted = [...voters].sort((a, b) => a - b);
  return { voters: sorted, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

async function applyFirst(stateMachine: StateMachine, first: SnapshotMetadata): Promise<void> {
  const { term, index, confState } = first;
  stateMachine.configurationChanged(index, confState);
  await stateMachine.apply([{ term, index, type: "EntryNormal", data: new Uint8Array(0), timeMs: 0 }]);
}

/** A later start: the state machine is somewhere in the log, behind its end, or before its beginning. */
async function resume(
  start: RaftInlineStart,
  wal: Wal,
  group: ReplayedGroup,
  restored: RestoredState,
): Promise<ShellStart> {
  const { mark, hardState, entries, confState } = group;
  const last = entries.at(-1) ?? mark;
  let applied: SnapshotMetadata = restored;
  if (mark.bootstrap && restored.index === mark.index - 1 && confState !== undefined) {
    // The first start crashed in between, or nothing was ever checkpointed.
    applied = { term: mark.term, index: mark.index, confState };
    await applyFirst(start.stateMachine, applied);
  }
  if (applied.index < mark.index) {
    const reason = `state machine is at ${applied.index}, and the log begins after ${mark.index}`;
    await wal.close();
    return { kind: "fenced", fence: { reason, hardState, last, restored } };
  }
  const termThere = applied.index === mark.index ? mark.term : entries[applied.index - mark.index - 1]?.term;
  if (termThere !== applied.term) {
    if (!restored.isInstalled) throw outdated(last.index, applied.index);
    return restartBehind(start, wal, group, restored);
  }
  const commit = Math.max(hardState.commit, applied.index);
  const log = new LogCache({ hardState: { ...hardState, commit }, base: mark, entries, applied });
  return { kind: "member", wal, log, fence: openFence(group, last), timeMs: restored.timeMs };
}

/** The node may have acknowledged entries, and given votes, that this log does not hold. */
function outdated(lastIndex: number, appliedIndex: number): WalError {
  return new WalError(
    "outdated",
    `the log ends at ${lastIndex}, and the state machine has applied up to ${appliedIndex}: the log is an older one`,
  );
}

/**
 * The state machine is ahead of the log: a snapshot was installed and the node stopped before the log said so. Everything in the log is
 * either in the snapshot or was never committed.
 */
async function restartBehind(
  start: RaftInlineStart,
  wal: Wal,
  group: ReplayedGroup,
  applied: RestoredState,
): Promise<ShellStart> {
  const { groupId } = start.identity;
  const { index, confState, timeMs } = applied;
  // After kill -9 the state may have been read from the page cache only: the log is not cut behind what a power loss could take back.
  await start.stateMachine.checkpoint();
  const term = Math.max(group.hardState.term, applied.term);
  const vote = term === group.hardState.term ? group.hardState.vote : 0;
  const hardState: HardState = { term, vote, commit: index };
  const mark = { term: applied.term, index, reset: true, bootstrap: false };
  wal.append({ groupId, hardState, mark, confState: { index, confState } });
  await wal.seal(groupId);
  start.onEvent?.({ kind: "log-restarted", index, term: applied.term });
  const log = new LogCache({ hardState, base: mark, entries: [], applied });
  return { kind: "member", wal, log, fence: openFence(group, mark), timeMs };
}

/** The fence of the log, if its end is not there yet. */
function openFence(group: ReplayedGroup, last: { readonly term: number; readonly index: number }) {
  const { fence } = group;
  if (fence === undefined) return undefined;
  const reached = last.term === fence.term ? last.index >= fence.index : last.term > fence.term;
  return reached ? undefined : fence;
}
