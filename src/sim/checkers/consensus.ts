import type { ConfState, MemberInspection, RaftStart } from "../../raft/index.ts";
import type { SimulatedCluster } from "../cluster/simulated-cluster.ts";
import type { SimulatedNode } from "../cluster/simulated-node.ts";
import { check } from "../failure.ts";

type Entries = Parameters<RaftStart["stateMachine"]["apply"]>[0];
type Hash = (bytes: Uint8Array) => number;

/** What was last seen of a member, in one life of its process. */
interface Seen {
  readonly life: number;
  term: number;
  commit: number;
  applied: number;
  isLeader: boolean;
  durableIndex: number;
  durableTerm: number;
  /** What counted at the last look. */
  configuration: Configuration;
}

type Configuration = Pick<ConfState, "voters" | "votersOutgoing">;

interface Identity {
  readonly term: number;
  readonly hash: number;
}

/** Bytes of entries that are compared at once. */
const ALL_BYTES = Number.MAX_SAFE_INTEGER;

/**
 * The safety of Raft (Ongaro and Ousterhout 2014, figure 3), seen from outside after every event: at most one leader in a term, and in one life, logs that agree
 * on an entry agree on all before it, a leader has everything that is committed, what is committed is durable on a quorum and never
 * changes, every node applies the same, and nothing goes backwards while a process lives.
 */
export class ConsensusChecker {
  readonly #cluster: SimulatedCluster;
  readonly #hash: Hash;
  readonly #seen = new Map<SimulatedNode, Seen>();
  /** Also of machines that are down: what is durable stays. */
  readonly #durable = new Map<number, MemberInspection["durable"]>();
  readonly #leaders = new Map<number, { readonly name: string; readonly life: number }>();
  /** Terms of committed entries. */
  readonly #committed = new Map<number, number>();
  #committedUpTo = 0;
  readonly #applied = new Map<number, Identity>();
  /** By index and term: what the entry is, and the term of the one before. */
  readonly #entries = new Map<string, { readonly hash: number; readonly previousTerm: number | undefined }>();
  leaderChanges = 0;

  constructor(cluster: SimulatedCluster, hash: Hash) {
    this.#cluster = cluster;
    this.#hash = hash;
  }

  /** How far the log is known to be committed. */
  get committedUpTo(): number {
    return this.#committedUpTo;
  }

  afterEvent(): void {
    for (const node of this.#cluster.nodes) {
      const { life } = node;
      const member = life?.process.isAlive === true ? life.raft?.inspect() : undefined;
      if (life !== undefined && member !== undefined) this.#look(node, life.number, member);
    }
  }

  /** State-machine safety: the same entry at the same index everywhere, for ever. */
  applying(node: SimulatedNode, entries: Entries): void {
    for (const { index, term, data } of entries) {
      const hash = this.#hash(data);
      const known = this.#applied.get(index);
      if (known === undefined) this.#applied.set(index, { term, hash });
      else {
        check(
          known.term === term && known.hash === hash,
          "state-machine safety",
          () =>
            `${node.name} applies another entry at ${index} (term ${term}) than was applied before (term ${known.term})`,
        );
      }
    }
  }

  #look(node: SimulatedNode, life: number, member: MemberInspection): void {
    let seen = this.#seen.get(node);
    if (seen === undefined || seen.life !== life) {
      seen = {
        life,
        term: 0,
        commit: 0,
        applied: 0,
        isLeader: false,
        durableIndex: 0,
        durableTerm: 0,
        configuration: configurationOf(node),
      };
      this.#seen.set(node, seen);
    }
    this.#durable.set(node.nodeId, member.durable);
    const { term, commit, applied, isLeader } = member;
    if (term !== seen.term || isLeader !== seen.isLeader) this.#checkStanding(node, seen, member);
    if (commit !== seen.commit || applied !== seen.applied) this.#checkProgress(node, seen, member);
    this.#checkLog(node, seen, member);
  }

  #checkStanding(node: SimulatedNode, seen: Seen, member: MemberInspection): void {
    const { term, isLeader } = member;
    check(term >= seen.term, "terms only grow", () => `${node.name} went from term ${seen.term} to ${term}`);
    if (isLeader && (!seen.isLeader || term !== seen.term)) {
      const other = this.#leaders.get(term);
      check(
        other === undefined || other.name === node.name,
        "election safety",
        () => `${node.name} and ${other?.name} lead in term ${term}`,
      );
      // It may have led with entries that it has forgotten. Of a damaged log the term and the vote may be lost too.
      check(
        other === undefined || other.life === seen.life || node.hasDamagedLog,
        "election safety",
        () => `${node.name} leads in term ${term} again after it was restarted`,
      );
      if (other === undefined) this.leaderChanges++;
      this.#leaders.set(term, { name: node.name, life: seen.life });
      this.#checkCompleteness(node, member);
    }
    seen.term = term;
    seen.isLeader = isLeader;
  }

  #checkCompleteness(node: SimulatedNode, member: MemberInspection): void {
    const index = this.#committedUpTo;
    if (index === 0 || index < member.durable.firstIndex()) return;
    // Votes that a pause held up can make a leader of a term that is over: what later terms committed it need not have.
    if ([...this.#leaders.keys()].some((term) => term > member.term)) return;
    check(
      member.termAt(index) === this.#committed.get(index),
      "leader completeness",
      () =>
        `${node.name} leads in term ${member.term} and has term ${member.termAt(index)} at the committed index ${index} of term ${this.#committed.get(index)}`,
    );
  }

  #checkProgress(node: SimulatedNode, seen: Seen, member: MemberInspection): void {
    const { commit, applied, lastIndex } = member;
    check(
      commit >= seen.commit,
      "the commit index only grows",
      () => `${node.name}: ${seen.commit} to ${commit}`,
    );
    check(
      applied >= seen.applied,
      "the applied index only grows",
      () => `${node.name}: ${seen.applied} to ${applied}`,
    );
    check(
      applied <= commit && commit <= lastIndex,
      "applied <= commit <= last",
      () => `${node.name}: ${applied}, ${commit}, ${lastIndex}`,
    );
    const now = configurationOf(node);
    if (commit > seen.commit) this.#committedBy(node, seen, member, now);
    seen.commit = commit;
    seen.applied = applied;
    seen.configuration = now;
  }

  #committedBy(node: SimulatedNode, seen: Seen, member: MemberInspection, now: Configuration): void {
    const { commit } = member;
    for (let index = Math.max(seen.commit + 1, member.durable.firstIndex()); index <= commit; index++) {
      const term = member.termAt(index);
      if (term === undefined) continue;
      const known = this.#committed.get(index);
      if (known === undefined) this.#committed.set(index, term);
      else {
        check(
          known === term,
          "committed entries never change",
          () => `${node.name} has committed term ${term} at ${index}, where term ${known} was committed`,
        );
      }
    }
    if (commit <= this.#committedUpTo) return;
    this.#committedUpTo = commit;
    const term = member.termAt(commit);
    if (member.isLeader && term !== undefined)
      this.#checkQuorum(node, [seen.configuration, now], { index: commit, term });
  }

  /** A configuration counts from when it is applied: what was committed in the same turn was so by the one before. */
  #checkQuorum(
    node: SimulatedNode,
    configurations: readonly Configuration[],
    { index, term }: { readonly index: number; readonly term: number },
  ): void {
    check(
      configurations.some((configuration) => this.#isOnQuorums(configuration, index, term)),
      "committed on a quorum",
      () =>
        `${node.name} committed ${index} of term ${term}, which is not durable on a majority of ${JSON.stringify(configurations)}`,
    );
  }

  #isOnQuorums({ voters, votersOutgoing }: Configuration, index: number, term: number): boolean {
    return [voters, votersOutgoing].every((group) => {
      const holders = group.filter((nodeId) => this.#isDurableOn(nodeId, index, term));
      return group.length === 0 || 2 * holders.length > group.length;
    });
  }

  #isDurableOn(nodeId: number, index: number, term: number): boolean {
    const log = this.#durable.get(nodeId);
    if (log === undefined || index > log.lastIndex()) return false;
    return index < log.firstIndex() || log.term(index) === term;
  }

  /** Log matching, as the durable log grows or is cut. */
  #checkLog(node: SimulatedNode, seen: Seen, { durable }: MemberInspection): void {
    const last = durable.last();
    if (last.index === seen.durableIndex && last.term === seen.durableTerm) return;
    const hasGrown = seen.durableIndex > 0 && last.index > seen.durableIndex && last.term >= seen.durableTerm;
    const keeps =
      hasGrown &&
      seen.durableIndex >= durable.firstIndex() &&
      durable.term(seen.durableIndex) === seen.durableTerm;
    const from = keeps ? seen.durableIndex + 1 : durable.firstIndex();
    if (from <= last.index) this.#compare(node, durable.entries(from, last.index + 1, ALL_BYTES), durable);
    seen.durableIndex = last.index;
    seen.durableTerm = last.term;
  }

  #compare(node: SimulatedNode, entries: Entries, log: MemberInspection["durable"]): void {
    for (const { index, term, data } of entries) {
      const key = `${index} ${term}`;
      const previousTerm = log.term(index - 1);
      const known = this.#entries.get(key);
      if (known === undefined) {
        this.#entries.set(key, { hash: this.#hash(data), previousTerm });
        continue;
      }
      check(
        known.previousTerm === previousTerm && known.hash === this.#hash(data),
        "log matching",
        () => `${node.name} holds another entry ${index} of term ${term} than other logs do`,
      );
    }
  }
}

/** As the node has applied it. */
function configurationOf(node: SimulatedNode): Configuration {
  return node.life!.raft!.status().confState;
}
