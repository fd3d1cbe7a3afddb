/** Roles are ordered: what a smaller one may do, a greater one may do too. */

import type { Role } from "./types.ts";

/** From the smallest to the greatest. "user" is none of them: such a key has nothing of its own. */
export const ROLES: readonly Role[] = ["reader", "writer", "admin"];

export function hasRole(actual: Role, least: Role): boolean {
  const rank = ROLES.indexOf(actual);
  const leastRank = ROLES.indexOf(least);
  // A role that is not in the list (from a newer version's row, from a cast) has no rank and gives nothing.
  return rank >= 0 && leastRank >= 0 && rank >= leastRank;
}
