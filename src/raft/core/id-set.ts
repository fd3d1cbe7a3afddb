import type { NodeId } from "../types.ts";

/** A set of node ids: sorted, without repetition, never changed in place. Configurations are small, so arrays do. */
export type IdSet = readonly NodeId[];

export const EMPTY_IDS: IdSet = Object.freeze([]);

/** The set of these ids. */
export function idSet(ids: Iterable<NodeId>): IdSet {
  return [...new Set(ids)].sort((a, b) => a - b);
}

export function withId(set: IdSet, id: NodeId): IdSet {
  return set.includes(id) ? set : idSet([...set, id]);
}

export function withoutId(set: IdSet, id: NodeId): IdSet {
  return set.includes(id) ? set.filter((other) => other !== id) : set;
}

export function union(left: IdSet, right: IdSet): IdSet {
  if (right.length === 0) return left;
  return idSet([...left, ...right]);
}

/** How many ids are in exactly one of the two. */
export function symmetricDifferenceSize(left: IdSet, right: IdSet): number {
  return left.filter((id) => !right.includes(id)).length + right.filter((id) => !left.includes(id)).length;
}

export function sameIds(left: IdSet, right: IdSet): boolean {
  return left.length === right.length && left.every((id, at) => id === right[at]);
}
