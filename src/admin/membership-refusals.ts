/** What an operator reads when a node may not be drained, removed, or made the leader. */

import { unreachable } from "../base/index.ts";
import { DEFAULT_FAILURE_DETECTOR, type MembershipRefusal } from "../cluster/index.ts";
import type { NodeRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { AdminError } from "./errors.ts";

/** So long nothing was heard of a node that may be removed by force, in milliseconds: as long as heartbeats take to call it dead. */
export const FORCE_SILENCE_MS = DEFAULT_FAILURE_DETECTOR.deadAfterMs;

interface Words {
  readonly message: string;
  readonly advice: string;
}

export function membershipError(refusal: MembershipRefusal, node: NodeRow): AdminError {
  const { message, advice } = words(refusal, node.name);
  return new AdminError("refused", message, { refusal: { reason: refusal.kind, advice } });
}

function words(refusal: MembershipRefusal, name: string): Words {
  switch (refusal.kind) {
    case "removed":
      return {
        message: `${name} was removed from the cluster, and stays removed`,
        advice: "a machine comes back as a new node: empty its data directory, then `skerry cluster add`",
      };
    case "state":
      return {
        message: `${name} is ${refusal.state}`,
        advice:
          "see `skerry cluster nodes`; `skerry cluster drain NODE --cancel` makes a draining node active again",
      };
    case "membership-changing":
      return {
        message:
          refusal.nodeId === undefined
            ? "the Raft configuration is changing"
            : `node ${refusal.nodeId} is still leaving the Raft group`,
        advice: "one change at a time: try again when `skerry cluster status` shows it done",
      };
    case "last-voter":
      return {
        message: `${name} is the only voter: without it there is no cluster`,
        advice: "add a node first (`skerry cluster add`) and wait until it is a voter",
      };
    case "quorum":
      return {
        message: `without ${name}, ${refusal.answering} of ${refusal.voters} voters answer, and ${refusal.needed} are needed: the cluster would stop`,
        advice: "bring a voter back, or add a node and wait until it is a voter",
      };
    case "redundancy":
      return {
        message: `without ${name}, ${refusal.storageNodes} active storage nodes are left for ${refusal.needed} copies of every blob`,
        advice: "add a node first (`skerry cluster add`); its bytes can be moved there",
      };
    case "not-drained":
      return {
        message: `${name} still holds copies of ${refusal.blobs} blobs (${refusal.bytes} bytes)`,
        advice:
          "drain it first (`skerry cluster drain NODE --wait`), or, when its disk is gone for good, `skerry cluster remove NODE --force`",
      };
    case "alive":
      return {
        message: `${name} answers: a node that is alive is not removed by force`,
        advice: "drain it (`skerry cluster remove NODE` does), or stop it first",
      };
    case "not-dead-yet":
      return {
        message: `${name} does not answer, but was heard of less than ${FORCE_SILENCE_MS / 1000} s ago, or has not been waited for so long: it may come back`,
        advice:
          "try again in a while; `skerry cluster status` shows `dead`; if it stays so, one direction of its connections works: ask another node, or stop it",
      };
    case "dead":
      return {
        message: `${name} does not answer`,
        advice: "choose a voter that is alive: `skerry cluster status`",
      };
    case "not-a-voter":
      return {
        message: `${name} is no voter of the Raft group`,
        advice:
          "choose a voter: `skerry cluster status`; a learner is made one when it has caught up and there is a place",
      };
    default:
      return unreachable(refusal);
  }
}
