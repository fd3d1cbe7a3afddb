import type { ConfState, NodeId } from "../types.ts";
import { EMPTY_IDS, type IdSet, idSet, sameIds } from "./id-set.ts";
import { type JointConfig, NO_VOTERS } from "./quorum.ts";

/**
 * Who belongs to the group. Immutable; the one in force is what the applied entries say.
 *
 * A node is never voter and learner at once. A voter that a joint configuration demotes is still a voter of the outgoing half, so it
 * waits in `learnersNext` and becomes a learner when the joint configuration is left.
 */
export interface Configuration {
  readonly voters: JointConfig;
  readonly learners: IdSet;
  readonly learnersNext: IdSet;
  /** The leader leaves the joint configuration by itself as soon as it is applied. */
  readonly autoLeave: boolean;
}

export const EMPTY_CONFIGURATION: Configuration = Object.freeze({
  voters: NO_VOTERS,
  learners: EMPTY_IDS,
  learnersNext: EMPTY_IDS,
  autoLeave: false,
});

export function isJoint(configuration: Configuration): boolean {
  return configuration.voters.outgoing.length > 0;
}

/** Whether `id` alone decides. */
export function isSoleVoter(configuration: Configuration, id: NodeId): boolean {
  const { incoming, outgoing } = configuration.voters;
  return outgoing.length === 0 && incoming.length === 1 && incoming[0] === id;
}

/** The form in which a configuration is kept and sent. */
export function toConfState(configuration: Configuration): ConfState {
  return {
    voters: configuration.voters.incoming,
    votersOutgoing: configuration.voters.outgoing,
    learners: configuration.learners,
    learnersNext: configuration.learnersNext,
    autoLeave: configuration.autoLeave,
  };
}

/** Whether the two say the same, in whatever order. */
export function equivalentConfStates(left: ConfState, right: ConfState): boolean {
  return (
    sameIds(idSet(left.voters), idSet(right.voters)) &&
    sameIds(idSet(left.votersOutgoing), idSet(right.votersOutgoing)) &&
    sameIds(idSet(left.learners), idSet(right.learners)) &&
    sameIds(idSet(left.learnersNext), idSet(right.learnersNext)) &&
    left.autoLeave === right.autoLeave
  );
}
