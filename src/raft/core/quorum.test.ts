import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeId } from "../types.ts";
import { idSet } from "./id-set.ts";
import {
  jointCommittedIndex,
  jointVoteResult,
  majorityCommittedIndex,
  majorityVoteResult,
  type VoteResult,
  voterIds,
} from "./quorum.ts";

/** The second implementation: looks at every subset of the voters that is a majority. */

const MOST_VOTERS = 7;

function subsets(ids: readonly NodeId[]): NodeId[][] {
  let sets: NodeId[][] = [[]];
  for (const id of ids) sets = sets.concat(sets.map((set) => set.concat(id)));
  return sets;
}

function majorities(ids: readonly NodeId[]): NodeId[][] {
  return subsets(ids).filter((set) => set.length * 2 > ids.length);
}

/** The greatest index that all of some majority have. */
function dumbCommitted(ids: readonly NodeId[], acked: ReadonlyMap<NodeId, number>): number {
  if (ids.length === 0) return Number.POSITIVE_INFINITY;
  return Math.max(...majorities(ids).map((set) => Math.min(...set.map((id) => acked.get(id) ?? 0))));
}

function dumbVote(ids: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (ids.length === 0) return "VoteWon";
  const quorums = majorities(ids);
  if (quorums.some((set) => set.every((id) => votes.get(id) === true))) return "VoteWon";
  return quorums.some((set) => set.every((id) => votes.get(id) !== false)) ? "VotePending" : "VoteLost";
}

/** A joint result is what remains possible when the missing votes come in, in every way they could. */
function dumbJointVote(
  incoming: readonly NodeId[],
  outgoing: readonly NodeId[],
  votes: ReadonlyMap<NodeId, boolean>,
): VoteResult {
  const missing = voterIds({ incoming, outgoing }).filter((id) => !votes.has(id));
  const outcomes = new Set<boolean>();
  for (const yes of subsets(missing)) {
    const complete = new Map(votes);
    for (const id of missing) complete.set(id, yes.includes(id));
    outcomes.add(dumbVote(incoming, complete) === "VoteWon" && dumbVote(outgoing, complete) === "VoteWon");
  }
  if (outcomes.size === 2) return "VotePending";
  return outcomes.has(true) ? "VoteWon" : "VoteLost";
}

const allIds = Array.from({ length: MOST_VOTERS }, (_, at) => at + 1);
const config = fc.subarray(allIds).map(idSet);
const acks = fc
  .array(fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }), {
    minLength: MOST_VOTERS,
    maxLength: MOST_VOTERS,
  })
  .map((indexes) => {
    const acked = new Map<NodeId, number>();
    for (const [at, index] of indexes.entries()) if (index !== undefined) acked.set(at + 1, index);
    return acked;
  });
const someVotes = fc
  .array(fc.option(fc.boolean(), { nil: undefined }), { minLength: MOST_VOTERS, maxLength: MOST_VOTERS })
  .map((given) => {
    const votes = new Map<NodeId, boolean>();
    for (const [at, vote] of given.entries()) if (vote !== undefined) votes.set(at + 1, vote);
    return votes;
  });

/** Every assignment of yes, no and nothing to `ids`. */
function* allVotes(ids: readonly NodeId[]): Generator<Map<NodeId, boolean>> {
  for (let code = 0; code < 3 ** ids.length; code++) {
    const votes = new Map<NodeId, boolean>();
    let rest = code;
    for (const id of ids) {
      if (rest % 3 > 0) votes.set(id, rest % 3 === 1);
      rest = Math.floor(rest / 3);
    }
    yield votes;
  }
}

describe("quorums agree with brute force", () => {
  it("majority commit, up to 7 voters", () => {
    fc.assert(
      fc.property(config, acks, (ids, acked) => {
        expect(majorityCommittedIndex(ids, (id) => acked.get(id))).toBe(dumbCommitted(ids, acked));
      }),
      { numRuns: 500 },
    );
  });

  it("joint commit, up to 7 voters in each half", () => {
    fc.assert(
      fc.property(config, config, acks, (incoming, outgoing, acked) => {
        const expected = Math.min(dumbCommitted(incoming, acked), dumbCommitted(outgoing, acked));
        expect(jointCommittedIndex({ incoming, outgoing }, (id) => acked.get(id))).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it("joint vote, up to 7 voters in each half", () => {
    fc.assert(
      fc.property(config, config, someVotes, (incoming, outgoing, votes) => {
        expect(jointVoteResult({ incoming, outgoing }, votes)).toBe(dumbJointVote(incoming, outgoing, votes));
      }),
      { numRuns: 300 },
    );
  });

  it("majority vote: every vote of every size up to 7", () => {
    for (let size = 0; size <= MOST_VOTERS; size++) {
      const ids = allIds.slice(0, size);
      const quorum = size / 2;
      for (const votes of allVotes(ids)) {
        const given = [...votes.values()];
        const yes = given.filter((vote) => vote).length;
        const open = size - given.length;
        const expected =
          size === 0 || yes > quorum ? "VoteWon" : yes + open > quorum ? "VotePending" : "VoteLost";
        expect(majorityVoteResult(ids, votes)).toBe(expected);
      }
    }
  });

  it("joint vote: every vote of every pair of configurations of four nodes", () => {
    const four = allIds.slice(0, 4);
    let checked = 0;
    for (const incoming of subsets(four)) {
      for (const outgoing of subsets(four)) {
        for (const votes of allVotes(voterIds({ incoming, outgoing: idSet(outgoing) }))) {
          const result = jointVoteResult({ incoming, outgoing }, votes);
          if (result !== dumbJointVote(incoming, outgoing, votes)) {
            throw new Error(`${incoming} && ${outgoing}, ${JSON.stringify([...votes])}: ${result}`);
          }
          checked++;
        }
      }
    }
    expect(checked).toBe(10_000);
  });

  it("ids that are no voters have no say", () => {
    const ids = [1, 2, 3];
    expect(majorityCommittedIndex(ids, (id) => (id > 3 ? 9 : undefined))).toBe(0);
    expect(majorityVoteResult(ids, new Map([4, 5, 6].map((id) => [id, true])))).toBe("VotePending");
  });
});
