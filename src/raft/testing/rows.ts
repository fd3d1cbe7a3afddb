/** What the members of a simulated group have applied. */

import { expect } from "vitest";
import type { SimCluster, SimMember } from "./sim-cluster.ts";

export const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `value ${from + i}`);

export async function rowsOf(cluster: SimCluster, member: SimMember): Promise<string[]> {
  return cluster.simulation.complete(member.state.rows());
}

/** All that run have the same rows: these. */
export async function expectEqualRows(cluster: SimCluster): Promise<string[]> {
  await cluster.untilEqual();
  const all = await Promise.all(cluster.running().map((member) => rowsOf(cluster, member)));
  for (const rows of all) expect(rows).toEqual(all[0]);
  return all[0] ?? [];
}
