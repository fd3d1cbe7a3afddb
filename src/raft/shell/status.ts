import type { ProgressStatus, RawNodeStatus } from "../core/index.ts";
import type { RaftProgress, RaftStatus } from "../ports.ts";
import type { NodeId, RaftRole } from "../types.ts";
import type { FencedMember } from "./fenced-member.ts";

const ROLES: Readonly<Record<RaftRole, RaftStatus["role"]>> = {
  StateFollower: "follower",
  StateCandidate: "candidate",
  StatePreCandidate: "pre-candidate",
  StateLeader: "leader",
};

const PROGRESS_STATES: Readonly<Record<ProgressStatus["state"], RaftProgress["state"]>> = {
  StateProbe: "probe",
  StateReplicate: "replicate",
  StateSnapshot: "snapshot",
};

export function memberStatus(status: RawNodeStatus, fenced: boolean): RaftStatus {
  return {
    nodeId: status.id,
    role: ROLES[status.role],
    leader: status.lead,
    term: status.hardState.term,
    commit: status.hardState.commit,
    applied: status.applied,
    firstIndex: status.firstIndex,
    lastIndex: status.lastIndex,
    confState: status.confState,
    progress: status.progress.map(({ id, match, state, activeLately, isLearner }) => ({
      nodeId: id,
      match,
      state: PROGRESS_STATES[state],
      recentlyActive: activeLately,
      learner: isLearner,
    })),
    fenced,
  };
}

export function fencedStatus(nodeId: NodeId, { fence, leader }: FencedMember): RaftStatus {
  const { hardState, last, restored } = fence;
  return {
    nodeId,
    role: "follower",
    leader,
    term: hardState.term,
    commit: hardState.commit,
    applied: restored.index,
    firstIndex: last.index + 1,
    lastIndex: last.index,
    confState: restored.confState,
    progress: [],
    fenced: true,
  };
}

/** Whether leader, role and term are those of `status`. */
export function sameStanding(
  status: RaftStatus,
  node: { readonly lead: NodeId; readonly role: RaftRole; readonly term: number },
): boolean {
  return status.leader === node.lead && status.role === ROLES[node.role] && status.term === node.term;
}
