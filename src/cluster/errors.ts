/** What this module refuses or cannot do. A closed set. */
export const CLUSTER_ERROR_CODES = [
  /** The directory holds data, but not whose. */
  "identity-missing",
  /** Some of the identity's files are not there. */
  "identity-partial",
  /** A file of the identity is not what was written. */
  "identity-damaged",
  /** Written by a newer program. */
  "identity-version",
  /** The directory already belongs to a node. */
  "identity-exists",
  /** The cluster has removed this node. */
  "node-removed",
  /** This node had a Raft log, and it is not there. */
  "log-missing",
  /** The Raft log is older than this node: it came from a backup, or from another disk. */
  "log-outdated",
  /** The metadata of this node is damaged, and no other node has them. */
  "state-damaged",
  "token-malformed",
  /** Unknown, expired or already used: the caller is not told which. */
  "token-refused",
  /** What the joining node says about itself cannot be accepted. */
  "join-invalid",
  /** The cluster has a node of this name with another incarnation. */
  "join-name-taken",
  "join-throttled",
  /** No answer, or no quorum behind it. */
  "join-unavailable",
  /** What answered is not the cluster that the token speaks of. */
  "join-untrusted",
  "certificate-request-invalid",
  "certificate-invalid",
  /** Another node did not answer, or not in time. */
  "peer-unavailable",
] as const;

export type ClusterErrorCode = (typeof CLUSTER_ERROR_CODES)[number];

/** `advice` says what an operator can do about it. Neither text holds a secret. */
export class ClusterError extends Error {
  readonly code: ClusterErrorCode;
  readonly advice: string;

  constructor(
    code: ClusterErrorCode,
    message: string,
    advice: string,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = "ClusterError";
    this.code = code;
    this.advice = advice;
  }
}
