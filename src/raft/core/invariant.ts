import { InvariantViolation } from "../../base/index.ts";

/** Something that cannot happen has happened: a bug here, or storage that lost what it had promised. The node must stop. */
export class RaftInvariantViolation extends InvariantViolation {
  constructor(invariant: string) {
    super(`raft: ${invariant}`);
    this.name = "RaftInvariantViolation";
  }
}

/** The leader counts on entries that this log has acknowledged and does not hold any more: the log is an older one. The node must stop. */
export class RaftLogOutdated extends RaftInvariantViolation {
  constructor(what: string) {
    super(what);
    this.name = "RaftLogOutdated";
  }
}

/** Stops the node when `condition` does not hold. `message` says what must hold; as a function it may say what was found instead. */
export function invariant(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new RaftInvariantViolation(typeof message === "string" ? message : message());
}
