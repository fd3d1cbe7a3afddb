/**
 * Random histories: crashes with lost and torn writes, partitions, broken streams, damaged logs, lost stores, transfers, pauses. What must
 * hold after each: no two members ever applied different entries at one index; nothing that was seen applied is lost; all end equal.
 */

import { expect, test } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import { SimCluster, type SimMember } from "../testing/sim-cluster.ts";

/** More of them, longer: CHAOS_SEEDS=500 CHAOS_STEPS=200 npx vitest run src/raft/shell/chaos. */
const SEEDS = Array.from({ length: Number(process.env.CHAOS_SEEDS ?? 12) }, (_, i) => `chaos-${i}`);
const STEPS = Number(process.env.CHAOS_STEPS ?? 60);

/** The one history: what was applied at each index, by anyone, ever. */
class History {
  readonly #applied = new Map<number, string>();
  readonly #seen = new Map<SimMember, number>();

  check(member: SimMember, label: string): void {
    const { stateMachine } = member;
    if (stateMachine === undefined) return;
    const from = this.#seen.get(member) ?? 0;
    for (const { index, term, data } of stateMachine.applied.slice(from)) {
      const entry = `${term}:${new TextDecoder().decode(data)}`;
      expect(this.#applied.get(index) ?? entry, `${label}: index ${index}`).toBe(entry);
      this.#applied.set(index, entry);
    }
    this.#seen.set(member, stateMachine.applied.length);
  }

  restarted(member: SimMember): void {
    this.#seen.delete(member);
  }

  values(): string[] {
    const ordered = [...this.#applied].sort(([a], [b]) => a - b);
    return ordered
      .map(([, entry]) => entry.slice(entry.indexOf(":") + 1))
      .filter((value) => value.startsWith("value"));
  }
}

async function damage(member: SimMember, cluster: SimCluster, prng: Prng): Promise<void> {
  if (prng.chance(0.3)) {
    const { disk } = member.machine.boot().platform;
    await cluster.simulation.complete(disk.removeTree("/data/state"));
    member.machine.crash("keep");
    return;
  }
  const segments = member.machine.volume.files().filter(({ path }) => path.endsWith(".wal"));
  const { path, sizeBytes } = prng.pick(segments);
  for (let i = 0; i < 3; i++) member.machine.volume.flipBit(path, prng.below(sizeBytes), prng.below(8));
}

/** Applying takes up to so long, each time. */
const GREATEST_APPLY_MS = 1_000;

function slowDown({ process, state }: SimMember, prng: Prng): void {
  const apply = state.apply.bind(state);
  state.apply = async (entries) => {
    await new Promise<void>((resolve) => process?.schedule(prng.below(GREATEST_APPLY_MS), resolve));
    await apply(entries);
  };
}

test.each(SEEDS)("seed %s", async (seed) => {
  const prng = createPrng(seed).fork("plan");
  const speed = createPrng(seed).fork("speed");
  // In half of the histories state machines are slow, and logs so small that followers must refuse what they cannot apply in time.
  const settings = {
    checkpointEntries: 25,
    trailingEntries: 5,
    ...(speed.chance(0.5) && {
      checkpointEntries: 8,
      trailingEntries: 2,
      maxLogBytes: 400,
      maxApplyingBytes: 100,
    }),
  };
  const cluster = await SimCluster.ofThree(seed, settings);
  const history = new History();
  const members = [...cluster.members.values()];
  let counter = 0;
  /** Damage is repairable while two others are whole: at most one at a time is down for that. */
  let damagedNode: SimMember | undefined;
  const restart = async (member: SimMember) => {
    history.restarted(member);
    await member.start({ requireExisting: true, settings });
    if ("maxLogBytes" in settings) slowDown(member, speed);
  };
  if ("maxLogBytes" in settings) for (const member of members) slowDown(member, speed);
  const isRepaired = () => damagedNode?.group !== undefined && !damagedNode.raft.status().fenced;

  for (let step = 0; step < STEPS; step++) {
    const label = `seed ${seed}, step ${step}`;
    const member = prng.pick(members);
    const action = prng.unit();
    if (damagedNode !== undefined && isRepaired()) damagedNode = undefined;
    if (action < 0.12 && member.group !== undefined) member.crash(prng.pick(["keep", "drop", "random"]));
    else if (action < 0.35) {
      if (member.group === undefined) await restart(member);
    } else if (action < 0.42) {
      const others = [1, 2, 3].filter((id) => id !== member.nodeId);
      cluster.network.isolate(member.nodeId, prng.chance(0.5) ? others : [prng.pick(others)]);
    } else if (action < 0.55) cluster.network.heal();
    else if (action < 0.6) cluster.network.breakChance = prng.chance(0.5) ? 0.05 : 0;
    else if (action < 0.64) member.group?.transferLeadership(prng.between(1, 3));
    else if (action < 0.68 && damagedNode === undefined && member.group === undefined) {
      await damage(member, cluster, prng);
      damagedNode = member;
    } else if (action < 0.72 && member.group !== undefined) {
      member.process?.pause();
      await cluster.simulation.runFor(prng.between(100, 3000));
      member.process?.resume();
    } else {
      for (let i = prng.between(1, 8); i > 0; i--) {
        member.group?.propose(new TextEncoder().encode(`value ${counter++}`));
        if (prng.chance(0.3)) await cluster.simulation.runFor(prng.between(0, 3));
      }
    }
    await cluster.simulation.runFor(prng.between(1, prng.chance(0.3) ? 2500 : 200));
    for (const each of members) history.check(each, label);
  }

  cluster.network.heal();
  cluster.network.breakChance = 0;
  for (const member of members) if (member.group === undefined) await restart(member);
  await cluster.until(
    () => members.every(({ raft }) => !raft.status().fenced && raft.status().leader !== 0),
    "all take part",
  );
  await cluster.write(await cluster.untilLeader(), ["value end"]);
  // What was proposed again on the way settles too.
  await cluster.simulation.runFor(5000);
  await cluster.untilEqual();
  for (const member of members) history.check(member, `seed ${seed}, the end`);
  for (const member of members) {
    expect(member.fatal, `seed ${seed}`).toEqual([]);
    expect(await cluster.simulation.complete(member.state.rows()), `seed ${seed}`).toEqual(history.values());
  }
  expect(history.values(), `seed ${seed}`).toContain("value end");
});
