import type { ConfChange, ConfState } from "../types.ts";
import { advanceCommit } from "./commit.ts";
import { changeConfiguration } from "./conf-change.ts";
import { type Configuration, toConfState } from "./configuration.ts";
import { invariant } from "./invariant.ts";
import { NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import { answerConfirmedReads } from "./reads.ts";
import { broadcastAppend, probeAll } from "./replication.ts";
import { becomeFollower } from "./roles.ts";

/** A committed configuration change is applied: from now on the new configuration decides. */
export function applyConfChange(raft: Raft, change: ConfChange): ConfState {
  const next = changeConfiguration(raft.tracker.configuration, change);
  invariant(next.ok, () => `a committed configuration change can be applied: ${next.ok ? "" : next.reason}`);
  return switchConfiguration(raft, next.configuration);
}

function switchConfiguration(raft: Raft, configuration: Configuration): ConfState {
  raft.tracker.configure(configuration, raft.log.lastIndex());
  const confState = toConfState(configuration);
  if (raft.role !== "StateLeader") return confState;
  if (raft.tracker.get(raft.id) === undefined || raft.isLearner) {
    if (raft.options.stepDownOnRemoval) becomeFollower(raft, raft.term, NONE);
    return confState;
  }
  leadConfiguration(raft);
  return confState;
}

/** A quorum may be smaller now: more may be committed or confirmed. New members are probed at once. */
function leadConfiguration(raft: Raft): void {
  if (advanceCommit(raft)) broadcastAppend(raft);
  else probeAll(raft);
  answerConfirmedReads(raft);
  if (!raft.tracker.voters.includes(raft.leadTransferee)) raft.leadTransferee = NONE;
}
