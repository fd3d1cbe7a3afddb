import type { Entry, Message, NodeId } from "../../types.ts";
import type { Cluster, Member } from "./cluster.ts";
import { textOf } from "./cluster.ts";

/** How many of the last committed entries are looked at again after each event. */
const RECHECKED = 20;

/** What must hold of a whole group, at every moment (paper, figure 3). Throws with the sentence that is violated. */
export class GroupInvariants {
  readonly #cluster: Cluster;
  /** Of each term its leader. */
  readonly #leaders = new Map<number, NodeId>();
  /** Terms whose leader has crashed: what it led with is gone, and must not be led with again. */
  readonly #endedTerms = new Set<number>();
  /** What was committed, anywhere, ever: the term at each index; undefined where nobody knows it any more. */
  readonly #committed: (number | undefined)[] = [undefined];
  readonly #applied = new Map<number, string>();
  readonly #terms = new Map<NodeId, number>();
  readonly #lastStampMs = new Map<NodeId, number>();
  /** Of each read that waits, the commit index that it must see. */
  readonly #reads = new Map<string, number>();
  readsAnswered = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.onApply = (id, entry) => this.#checkApplied(id, entry);
    cluster.onSend = (sent) => checkPromise(cluster.member(sent.from), sent);
  }

  get committedIndex(): number {
    return this.#committed.length - 1;
  }

  /** A read with this context is being asked for. */
  readAsked(context: string): void {
    this.#reads.set(context, this.committedIndex);
  }

  /** To be called after everything that happens to a node. */
  check(member: Member): void {
    if (!member.alive) return;
    this.#checkTerm(member);
    this.#checkCommitted(member);
    this.#checkLeader(member);
    this.#checkReads(member);
  }

  /** Log matching, over all pairs of nodes: what is on their disks. */
  checkLogs(): void {
    const { members } = this.#cluster;
    for (const [at, one] of members.entries()) {
      for (const other of members.slice(at + 1)) checkLogMatching(one, other);
    }
  }

  #checkTerm({ id, raw }: Member): void {
    // What a node forgets in a crash it has told nobody: so this is of its life, not of its disk.
    must(raw.term >= (this.#terms.get(id) ?? 0), "the term never goes back", id);
    this.#terms.set(id, raw.term);
  }

  /** The node has crashed: what it had not made durable never was. */
  forget(id: NodeId): void {
    for (const [term, leader] of this.#leaders) if (leader === id) this.#endedTerms.add(term);
    this.#terms.delete(id);
    this.#lastStampMs.delete(id);
  }

  #checkCommitted({ id, raw }: Member): void {
    must(raw.applied <= raw.commit && raw.commit <= raw.lastIndex, "applied <= committed <= last", id);
    const from = Math.min(this.#committed.length, Math.max(raw.commit - RECHECKED, 1));
    for (let index = from; index <= raw.commit; index++) {
      const term = raw.termAt(index);
      const known = this.#committed[index];
      must(
        term === undefined || known === undefined || term === known,
        `what is committed at ${index} never changes`,
        id,
      );
      this.#committed[index] = known ?? term;
    }
  }

  #checkLeader({ id, raw }: Member): void {
    if (raw.role !== "StateLeader") return;
    const leader = this.#leaders.get(raw.term);
    must(leader === undefined || leader === id, `at most one leader can be elected in term ${raw.term}`, id);
    must(!this.#endedTerms.has(raw.term), `nobody leads in term ${raw.term} again after a crash`, id);
    if (leader !== undefined) return;
    this.#leaders.set(raw.term, id);
    must(raw.lastIndex >= this.committedIndex, "a leader has everything that is committed", id);
    for (let index = 1; index <= this.committedIndex; index++) {
      const term = raw.termAt(index);
      const known = this.#committed[index];
      must(
        term === undefined || known === undefined || term === known,
        `a leader has what is committed at ${index}`,
        id,
      );
    }
  }

  #checkApplied(id: NodeId, entry: Entry): void {
    const said = `${entry.term} ${entry.type} ${textOf(entry)} ${entry.timeMs}`;
    const before = this.#applied.get(entry.index);
    must(before === undefined || before === said, `all apply the same entry at ${entry.index}`, id);
    this.#applied.set(entry.index, said);
    const lastStampMs = this.#lastStampMs.get(id) ?? 0;
    must(entry.timeMs >= lastStampMs, "time never goes back along the log", id);
    this.#lastStampMs.set(id, entry.timeMs);
  }

  #checkReads(member: Member): void {
    for (const { index, context } of member.readStates.splice(0)) {
      const name = new TextDecoder().decode(context);
      const least = this.#reads.get(name);
      must(least !== undefined, "a read that was asked for is answered", member.id);
      must(index >= least!, `a read sees what was committed before it: ${index} >= ${least}`, member.id);
      this.readsAnswered++;
    }
  }
}

/** What others rely on is on the sender's disk when it leaves: its term, its vote, the end of its log. */
function checkPromise({ id, raw, storage }: Member, sent: Message): void {
  const { hardState } = storage.initialState();
  const { type, term, to, reject, index, logTerm } = sent;
  const isPromise = type === "MsgVote" || type === "MsgVoteResp" || type === "MsgAppResp";
  if (!isPromise || reject) return;
  must(hardState.term >= term, `a ${type} of term ${term} leaves when that is durable`, id);
  // A later term on disk: what it promised before was kept when that term began.
  if (hardState.term > term) return;
  if (type === "MsgAppResp")
    must(index <= storage.lastIndex(), `${index} is durable when it is acknowledged`, id);
  else
    must(hardState.vote === (type === "MsgVote" ? id : to), `a ${type} leaves when the vote is durable`, id);
  // One that follows another leader of this term by now does not use the votes that it asked for.
  if (type !== "MsgVote" || raw.role !== "StateCandidate") return;
  const last = { index: storage.lastIndex(), term: storage.term(storage.lastIndex()) };
  const isThere = last.term > logTerm || (last.term === logTerm && last.index >= index);
  must(isThere, `the end of the log ${index}@${logTerm} is durable when a vote is asked for on it`, id);
}

function checkLogMatching(one: Member, other: Member): void {
  const first = Math.max(one.storage.firstIndex(), other.storage.firstIndex());
  const last = Math.min(one.storage.lastIndex(), other.storage.lastIndex());
  let agreed = false;
  for (let index = last; index >= first; index--) {
    const [left] = one.storage.entries(index, index + 1, 0);
    const [right] = other.storage.entries(index, index + 1, 0);
    const same = left!.term === right!.term;
    must(!agreed || same, `logs that agree on an entry agree on all before it: ${index}`, one.id);
    if (same) must(textOf(left!) === textOf(right!), `one term and index, one entry: ${index}`, one.id);
    agreed ||= same;
  }
}

function must(holds: boolean, sentence: string, id: NodeId): void {
  if (!holds) throw new Error(`node ${id}: ${sentence}`);
}
