import type { ConfChange, ConfChangeSingle, ConfState, NodeId } from "../types.ts";
import { type Configuration, EMPTY_CONFIGURATION, isJoint } from "./configuration.ts";
import { EMPTY_IDS, symmetricDifferenceSize, withId, withoutId } from "./id-set.ts";

/** A configuration, or why there is none. */
export type ChangeResult =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly reason: string };

/** Leaves the joint configuration. Its entry has no data. */
export const LEAVE_JOINT: ConfChange = Object.freeze({
  transition: "Auto",
  changes: Object.freeze([]),
  context: undefined,
});

/** Whether the change ends a joint configuration. */
export function leavesJoint(change: ConfChange): boolean {
  return change.transition === "Auto" && change.changes.length === 0;
}

/** Whether the change goes through a joint configuration: asked for, or because more than one thing changes. */
export function entersJoint(change: ConfChange): boolean {
  return change.transition !== "Auto" || change.changes.length > 1;
}

/** The configuration that follows `current` when `change` is applied. */
export function changeConfiguration(current: Configuration, change: ConfChange): ChangeResult {
  if (leavesJoint(change)) return leaveJoint(current);
  if (entersJoint(change)) return enterJoint(current, change.transition !== "JointExplicit", change.changes);
  return simpleChange(current, change.changes);
}

/** Changes at most one voter, and any number of learners, in one step (thesis 4.1). */
export function simpleChange(current: Configuration, changes: readonly ConfChangeSingle[]): ChangeResult {
  if (isJoint(current)) return refuse("can't apply simple config change in joint config");
  const next = applyAll(current, changes);
  if (!next.ok) return next;
  const changed = symmetricDifferenceSize(current.voters.incoming, next.configuration.voters.incoming);
  return changed > 1 ? refuse("more than one voter changed without entering joint config") : next;
}

/** From C_old to C_old,new (thesis 4.3): the voters of now become the outgoing half, the changes make the incoming one. */
export function enterJoint(
  current: Configuration,
  autoLeave: boolean,
  changes: readonly ConfChangeSingle[],
): ChangeResult {
  if (isJoint(current)) return refuse("config is already joint");
  const { incoming } = current.voters;
  if (incoming.length === 0) return refuse("can't make a zero-voter config joint");
  return applyAll({ ...current, voters: { incoming, outgoing: incoming }, autoLeave }, changes);
}

/** From C_old,new to C_new: the incoming half decides alone, and demoted voters become learners. */
export function leaveJoint(current: Configuration): ChangeResult {
  if (!isJoint(current)) return refuse("can't leave a non-joint config");
  return accept({
    voters: { incoming: current.voters.incoming, outgoing: EMPTY_IDS },
    learners: current.learnersNext.reduce(withId, current.learners),
    learnersNext: EMPTY_IDS,
    autoLeave: false,
  });
}

/** The configuration that a snapshot or the state machine describes: built by the changes that would lead to it. */
export function restoreConfiguration(confState: ConfState): ChangeResult {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const incoming = [
    ...votersOutgoing.map((nodeId) => single("RemoveNode", nodeId)),
    ...voters.map((nodeId) => single("AddNode", nodeId)),
    ...learners.map((nodeId) => single("AddLearnerNode", nodeId)),
    ...learnersNext.map((nodeId) => single("AddLearnerNode", nodeId)),
  ];
  if (votersOutgoing.length === 0) return oneByOne(EMPTY_CONFIGURATION, incoming);
  const outgoing = oneByOne(
    EMPTY_CONFIGURATION,
    votersOutgoing.map((nodeId) => single("AddNode", nodeId)),
  );
  return outgoing.ok ? enterJoint(outgoing.configuration, autoLeave, incoming) : outgoing;
}

function single(type: ConfChangeSingle["type"], nodeId: NodeId): ConfChangeSingle {
  return { type, nodeId };
}

function accept(configuration: Configuration): ChangeResult {
  return { ok: true, configuration };
}

function refuse(reason: string): ChangeResult {
  return { ok: false, reason };
}

function oneByOne(start: Configuration, changes: readonly ConfChangeSingle[]): ChangeResult {
  let result = accept(start);
  for (const change of changes) {
    if (!result.ok) break;
    result = simpleChange(result.configuration, [change]);
  }
  return result;
}

/** Changes touch the incoming half only. */
function applyAll(start: Configuration, changes: readonly ConfChangeSingle[]): ChangeResult {
  let configuration = start;
  for (const { type, nodeId } of changes) {
    // Id 0 stands for a change that its proposer took back.
    if (nodeId === 0) continue;
    switch (type) {
      case "AddNode":
        configuration = makeVoter(configuration, nodeId);
        break;
      case "AddLearnerNode":
        configuration = makeLearner(configuration, nodeId);
        break;
      case "RemoveNode":
        configuration = remove(configuration, nodeId);
        break;
      case "UpdateNode":
        break;
    }
  }
  return configuration.voters.incoming.length === 0 ? refuse("removed all voters") : accept(configuration);
}

function makeVoter(configuration: Configuration, id: NodeId): Configuration {
  const { incoming, outgoing } = configuration.voters;
  return {
    ...configuration,
    voters: { incoming: withId(incoming, id), outgoing },
    learners: withoutId(configuration.learners, id),
    learnersNext: withoutId(configuration.learnersNext, id),
  };
}

function makeLearner(configuration: Configuration, id: NodeId): Configuration {
  if (configuration.learners.includes(id)) return configuration;
  const rest = remove(configuration, id);
  // Still a voter of the outgoing half: it becomes a learner when the joint configuration is left.
  return rest.voters.outgoing.includes(id)
    ? { ...rest, learnersNext: withId(rest.learnersNext, id) }
    : { ...rest, learners: withId(rest.learners, id) };
}

function remove(configuration: Configuration, id: NodeId): Configuration {
  const { incoming, outgoing } = configuration.voters;
  return {
    ...configuration,
    voters: { incoming: withoutId(incoming, id), outgoing },
    learners: withoutId(configuration.learners, id),
    learnersNext: withoutId(configuration.learnersNext, id),
  };
}
