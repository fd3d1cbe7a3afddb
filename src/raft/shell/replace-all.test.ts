/**
 * Three members are replaced one after the other by three new ones, while links are cut, members lose power, leadership is handed over and values are
 * written. What must hold: every change is made in the end, nothing that was applied is lost or changed, and the old members are not needed any more.
 */

import { expect, test } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import type { ConfigurationChange } from "../ports.ts";
import { SimCluster, type SimMember } from "../testing/sim-cluster.ts";

/** More of them: CHAOS_SEEDS=200 npx vitest run src/raft/shell/replace-all. */
const SEEDS = Array.from({ length: Number(process.env.CHAOS_SEEDS ?? 8) }, (_, i) => `replace-${i}`);
const SETTINGS = { checkpointEntries: 25, trailingEntries: 5 };
/** Faults while one change is under way; after them the network is whole until it is done. */
const FAULTS = 6;

class Replacement {
  readonly #cluster: SimCluster;
  readonly #prng: Prng;
  readonly #history = new Map<number, string>();
  #counter = 0;

  constructor(cluster: SimCluster, prng: Prng) {
    this.#cluster = cluster;
    this.#prng = prng;
  }

  /** Trouble first, then calm until the leader's configuration is as wanted. */
  async change(
    changes: readonly ConfigurationChange[],
    isDone: (voters: readonly number[], learners: readonly number[]) => boolean,
    what: string,
  ) {
    for (let fault = 0; fault < FAULTS; fault++) {
      this.#propose(changes);
      await this.#trouble();
    }
    await this.calm();
    await this.#cluster.until(() => {
      const leader = this.#cluster.leader();
      if (leader === undefined) return false;
      const { voters, learners, votersOutgoing } = leader.raft.status().confState;
      if (votersOutgoing.length === 0 && isDone(voters, learners)) return true;
      this.#propose(changes);
      return false;
    }, what);
  }

  async calm(): Promise<void> {
    this.#cluster.network.heal();
    this.#cluster.network.breakChance = 0;
    for (const member of this.#cluster.members.values()) {
      if (member.group === undefined) await this.#restart(member);
    }
  }

  #propose(changes: readonly ConfigurationChange[]): void {
    this.#cluster.leader()?.raft.proposeConfigurationChange(changes);
  }

  async #trouble(): Promise<void> {
    const prng = this.#prng;
    const members = [...this.#cluster.members.values()];
    const member = prng.pick(members);
    const action = prng.unit();
    if (action < 0.2) {
      if (member.group !== undefined) member.crash(prng.pick(["keep", "drop", "random"]));
    } else if (action < 0.35) {
      for (const each of members) if (each.group === undefined) await this.#restart(each);
    } else if (action < 0.6) {
      const others = members.map(({ nodeId }) => nodeId).filter((nodeId) => nodeId !== member.nodeId);
      this.#cluster.network.isolate(member.nodeId, prng.chance(0.5) ? others : [prng.pick(others)]);
    } else if (action < 0.7) this.#cluster.network.heal();
    else if (action < 0.75) this.#cluster.network.breakChance = prng.chance(0.5) ? 0.05 : 0;
    else if (action < 0.85) member.group?.transferLeadership(prng.pick(members).nodeId);
    for (let i = prng.between(1, 10); i > 0; i--) {
      prng.pick(members).group?.propose(new TextEncoder().encode(`value ${this.#counter++}`));
    }
    await this.#cluster.simulation.runFor(prng.between(1, prng.chance(0.3) ? 2500 : 300));
    this.check();
  }

  async #restart(member: SimMember): Promise<void> {
    await member.start({ requireExisting: true, settings: SETTINGS });
  }

  /** No two members ever applied different entries at one index. */
  check(): void {
    for (const { state, nodeId } of this.#cluster.running()) {
      for (const { index, term, data } of state.applied) {
        const entry = `${term} ${new TextDecoder().decode(data)}`;
        const known = this.#history.get(index);
        if (known === undefined) this.#history.set(index, entry);
        else expect(entry, `node ${nodeId} at ${index}`).toBe(known);
      }
    }
  }
}

test.each(SEEDS)("seed %s", async (seed) => {
  const prng = createPrng(seed).fork("plan");
  const cluster = await SimCluster.ofThree(seed, SETTINGS);
  const replacement = new Replacement(cluster, prng);
  await cluster.write(await cluster.untilLeader(), ["value first"]);
  for (const old of [1, 2, 3]) {
    const added = old + 3;
    await cluster.add(added).start({ settings: SETTINGS });
    await replacement.change(
      [{ type: "add-learner", nodeId: added }],
      (voters, learners) => learners.includes(added) || voters.includes(added),
      `${added} is a learner`,
    );
    const caughtUp = () => {
      const progress = cluster
        .leader()
        ?.raft.status()
        .progress.find(({ nodeId }) => nodeId === added);
      return progress?.state === "replicate" && progress.match > 0;
    };
    await cluster.until(caughtUp, `${added} has caught up`);
    // Both at once, through a joint configuration: the group has three voters before and after.
    await replacement.change(
      [
        { type: "add-voter", nodeId: added },
        { type: "remove", nodeId: old },
      ],
      (voters) => voters.includes(added) && !voters.includes(old),
      `${added} votes in the place of ${old}`,
    );
    cluster.member(old).crash("drop");
    cluster.members.delete(old);
  }
  await cluster.write(await cluster.untilLeader(), ["value last"]);
  await cluster.simulation.runFor(5000);
  await cluster.untilEqual();
  replacement.check();
  const rows = await Promise.all(
    cluster.running().map(({ state }) => cluster.simulation.complete(state.rows())),
  );
  expect(cluster.running().map(({ nodeId }) => nodeId)).toEqual([4, 5, 6]);
  for (const each of rows) expect(each).toEqual(rows[0]);
  expect(rows[0]?.[0]).toBe("value first");
  expect(rows[0]).toContain("value last");
  for (const { fatal } of cluster.running()) expect(fatal).toEqual([]);
});
