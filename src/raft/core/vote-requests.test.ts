import { describe, expect, it } from "vitest";
import type { Message, MessageType } from "../types.ts";
import { Cluster } from "./testing/cluster.ts";
import { GroupInvariants } from "./testing/invariants.ts";

/** Three voters as in production, the first of which leads. */
function threeVoters(durableVoteRequests: boolean): Cluster {
  const cluster = new Cluster({ voters: [1, 2, 3], settings: { commitInVotes: true, durableVoteRequests } });
  cluster.elect(1);
  cluster.propose(1, "old");
  cluster.settle();
  return cluster;
}

/** Takes what is on its way out of the network. */
function takeAll(cluster: Cluster, type: MessageType): Message[] {
  const taken = cluster.network.filter((sent) => sent.type === type);
  cluster.network = cluster.network.filter((sent) => sent.type !== type);
  return taken;
}

/** An entry that 1 and 2 have on their disks, and 3 in memory alone: committed. Then 1 steps down, and 2 hears no leader any more. */
function commitWithoutDiskOf3(cluster: Cluster): void {
  const [leader, voter, candidate] = [cluster.member(1), cluster.member(2), cluster.member(3)];
  cluster.propose(1, "acknowledged");
  cluster.work(leader);
  for (const sent of takeAll(cluster, "MsgApp")) cluster.deliver(sent);
  cluster.work(voter);
  cluster.takeReady(candidate);
  for (const sent of takeAll(cluster, "MsgAppResp")) cluster.deliver(sent);
  cluster.work(leader);
  cluster.tick(1, 20);
  cluster.work(leader);
  cluster.network = [];
  expect(leader.raw.role).toBe("StateFollower");
  voter.raw.setRandomizedElectionTimeout(1_000);
  cluster.tick(2, 10);
}

/** 3 campaigns while its disk stands still, so that 1 and 2 decide. Returns what 2 has granted, and is late: a pre-vote, then a vote. */
function campaignWithoutDisk(cluster: Cluster): Message[] {
  const candidate = cluster.member(3);
  for (let attempt = 0; attempt < 2; attempt++) {
    candidate.raw.campaign();
    cluster.takeReady(candidate);
  }
  for (const sent of takeAll(cluster, "MsgPreVote")) cluster.deliver(sent);
  const preVotes = [1, 2].map((id) => {
    cluster.work(cluster.member(id));
    return takeAll(cluster, "MsgPreVoteResp");
  });
  for (const [inTime] of preVotes) cluster.deliver(inTime!);
  cluster.takeReady(candidate);
  expect(candidate.raw.role).toBe("StateCandidate");
  // Those to 1 are lost.
  for (const sent of takeAll(cluster, "MsgVote")) if (sent.to === 2) cluster.deliver(sent);
  cluster.work(cluster.member(2));
  return [preVotes[1]![1]!, ...takeAll(cluster, "MsgVoteResp")];
}

/** 3 starts again from its disk and campaigns; nobody hears it, but what its first life was granted comes now. */
function campaignAgain(cluster: Cluster, late: readonly Message[]): void {
  const candidate = cluster.member(3);
  cluster.crash(3);
  cluster.restart(3);
  candidate.raw.campaign();
  for (const sent of late) {
    cluster.work(candidate);
    cluster.network = [];
    cluster.deliver(sent);
  }
  cluster.work(candidate);
  cluster.network = [];
}

describe("a candidate that crashes before its term, its vote and its log are durable", () => {
  it("is elected by late votes although it lacks what is committed, where its requests do not wait for the disk", () => {
    const cluster = threeVoters(false);
    const invariants = new GroupInvariants(cluster);
    // That requests leave too early is known; here it is about what comes of it.
    cluster.onSend = () => {};
    commitWithoutDiskOf3(cluster);
    invariants.check(cluster.member(1));
    const late = campaignWithoutDisk(cluster);
    expect(late.map(({ type }) => type)).toEqual(["MsgPreVoteResp", "MsgVoteResp"]);
    campaignAgain(cluster, late);
    expect(() => invariants.check(cluster.member(3))).toThrow("a leader has what is committed at 4");
  });

  it("has asked nobody for a vote, and nothing is lost", () => {
    const cluster = threeVoters(true);
    const invariants = new GroupInvariants(cluster);
    commitWithoutDiskOf3(cluster);
    invariants.check(cluster.member(1));
    const late = campaignWithoutDisk(cluster);
    expect(late.map(({ type }) => type)).toEqual(["MsgPreVoteResp"]);
    campaignAgain(cluster, late);
    cluster.heal();
    for (let tick = 0; tick < 60; tick++) {
      cluster.tickAll(1);
      for (const member of cluster.members) invariants.check(member);
    }
    expect(cluster.leader()).not.toBe(0);
    for (const id of [1, 2, 3]) expect(cluster.appliedTexts(id)).toEqual(["old", "acknowledged"]);
  });

  it("is noticed by the invariants of the group when it asks", () => {
    const cluster = threeVoters(false);
    const invariants = new GroupInvariants(cluster);
    commitWithoutDiskOf3(cluster);
    invariants.check(cluster.member(1));
    expect(() => campaignWithoutDisk(cluster)).toThrow("a MsgVote of term 2 leaves when that is durable");
  });

  it("asks for votes as soon as they are durable, with the same write as its own", () => {
    const cluster = new Cluster({
      voters: [1, 2, 3],
      settings: { preVote: false, durableVoteRequests: true },
    });
    const candidate = cluster.member(3);
    candidate.raw.campaign();
    cluster.takeReady(candidate);
    expect(takeAll(cluster, "MsgVote")).toEqual([]);
    expect(candidate.pending.append).toHaveLength(1);
    cluster.append(candidate);
    expect(candidate.storage.initialState().hardState).toMatchObject({ term: 1, vote: 3 });
    expect(takeAll(cluster, "MsgVote").map(({ to, term }) => [to, term])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });
});
