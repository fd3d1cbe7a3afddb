/**
 * An ordered map that never changes: writing to it gives a new one, which shares all but the path to what was written. Keeping a view of a store, or
 * what it was before a crash, is then keeping a reference.
 *
 * A B+ tree. Nodes that were made in the same batch of changes are changed in place; nobody else has seen them yet.
 */

import { compareKeys } from "../../base/index.ts";
import type { KeyBounds } from "../key-range.ts";
import type { StoreChange, StoreRow } from "../ports.ts";

const MAX_ENTRIES = 32;

/** Identifies the batch that made a node. */
type Batch = object;

interface Leaf {
  readonly kind: "leaf";
  readonly batch: Batch;
  readonly keys: string[];
  readonly values: Uint8Array[];
}

interface Branch {
  readonly kind: "branch";
  readonly batch: Batch;
  /** `keys[i]` is at most the least key below `children[i]` and greater than all keys below the child before it. */
  readonly keys: string[];
  readonly children: Node[];
}

type Node = Leaf | Branch;

export class PersistentMap {
  static readonly EMPTY = new PersistentMap({ kind: "leaf", batch: {}, keys: [], values: [] });

  readonly #root: Node;

  private constructor(root: Node) {
    this.#root = root;
  }

  get(key: string): Uint8Array | undefined {
    let node = this.#root;
    while (node.kind === "branch") node = node.children[childFor(node, key)]!;
    const at = lowerBound(node.keys, key);
    return node.keys[at] === key ? node.values[at] : undefined;
  }

  /** The map after the changes, in their order. Values are copied. */
  with(changes: readonly StoreChange[]): PersistentMap {
    const batch: Batch = {};
    let root = this.#root;
    for (const change of changes) {
      root =
        change.kind === "put"
          ? putAtRoot(root, change.key, change.value.slice(), batch)
          : removeAtRoot(root, change.key, batch);
    }
    return new PersistentMap(root);
  }

  /** The rows within the bounds, in key order or against it. */
  *rows(bounds: KeyBounds, reverse: boolean): Generator<StoreRow> {
    const walk = reverse ? backward(this.#root, bounds) : forward(this.#root, bounds);
    for (const { leaf, at } of walk) yield { key: leaf.keys[at]!, value: leaf.values[at]! };
  }
}

/** The index of the first key that is not less than `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(keys[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function childFor(branch: Branch, key: string): number {
  const at = lowerBound(branch.keys, key);
  return branch.keys[at] === key ? at : Math.max(0, at - 1);
}

function owned<T extends Node>(node: T, batch: Batch): T {
  if (node.batch === batch) return node;
  if (node.kind === "leaf") return { ...node, batch, keys: [...node.keys], values: [...node.values] };
  return { ...node, batch, keys: [...node.keys], children: [...node.children] };
}

function putAtRoot(root: Node, key: string, value: Uint8Array, batch: Batch): Node {
  const { node, split } = put(root, key, value, batch);
  if (split === undefined) return node;
  return { kind: "branch", batch, keys: [node.keys[0]!, split.keys[0]!], children: [node, split] };
}

/** The node with the row in it, and the right half when it had to be split. */
function put(
  node: Node,
  key: string,
  value: Uint8Array,
  batch: Batch,
): { node: Node; split: Node | undefined } {
  const mine = owned(node, batch);
  if (mine.kind === "leaf") {
    const at = lowerBound(mine.keys, key);
    if (mine.keys[at] === key) mine.values[at] = value;
    else {
      mine.keys.splice(at, 0, key);
      mine.values.splice(at, 0, value);
    }
    return { node: mine, split: splitLeaf(mine, batch) };
  }
  const at = childFor(mine, key);
  const result = put(mine.children[at]!, key, value, batch);
  mine.children[at] = result.node;
  if (compareKeys(key, mine.keys[at]!) < 0) mine.keys[at] = key;
  if (result.split !== undefined) {
    mine.children.splice(at + 1, 0, result.split);
    mine.keys.splice(at + 1, 0, result.split.keys[0]!);
  }
  return { node: mine, split: splitBranch(mine, batch) };
}

function splitLeaf(leaf: Leaf, batch: Batch): Leaf | undefined {
  if (leaf.keys.length <= MAX_ENTRIES) return undefined;
  const middle = leaf.keys.length >> 1;
  return { kind: "leaf", batch, keys: leaf.keys.splice(middle), values: leaf.values.splice(middle) };
}

function splitBranch(branch: Branch, batch: Batch): Branch | undefined {
  if (branch.keys.length <= MAX_ENTRIES) return undefined;
  const middle = branch.keys.length >> 1;
  return {
    kind: "branch",
    batch,
    keys: branch.keys.splice(middle),
    children: branch.children.splice(middle),
  };
}

function removeAtRoot(root: Node, key: string, batch: Batch): Node {
  const node = remove(root, key, batch);
  if (node.kind === "branch" && node.children.length === 0)
    return { kind: "leaf", batch, keys: [], values: [] };
  return node.kind === "branch" && node.children.length === 1 ? node.children[0]! : node;
}

/** The node without the row. Nodes may become small, and go when they are empty. */
function remove(node: Node, key: string, batch: Batch): Node {
  if (node.kind === "leaf") {
    const at = lowerBound(node.keys, key);
    if (node.keys[at] !== key) return node;
    const mine = owned(node, batch);
    mine.keys.splice(at, 1);
    mine.values.splice(at, 1);
    return mine;
  }
  const at = childFor(node, key);
  const child = remove(node.children[at]!, key, batch);
  if (child === node.children[at]) return node;
  const mine = owned(node, batch);
  if (child.keys.length === 0) {
    mine.children.splice(at, 1);
    mine.keys.splice(at, 1);
  } else mine.children[at] = child;
  return mine;
}

interface Place {
  readonly leaf: Leaf;
  readonly at: number;
}

function* forward(node: Node, bounds: KeyBounds): Generator<Place, boolean> {
  const { lower, upper } = bounds;
  if (node.kind === "branch") {
    for (let i = lower === undefined ? 0 : childFor(node, lower.key); i < node.children.length; i++) {
      if (!(yield* forward(node.children[i]!, bounds))) return false;
    }
    return true;
  }
  let at = lower === undefined ? 0 : lowerBound(node.keys, lower.key);
  if (lower !== undefined && !lower.inclusive && node.keys[at] === lower.key) at++;
  for (; at < node.keys.length; at++) {
    if (upper !== undefined && isBeyond(compareKeys(node.keys[at]!, upper.key), upper.inclusive))
      return false;
    yield { leaf: node, at };
  }
  return true;
}

function* backward(node: Node, bounds: KeyBounds): Generator<Place, boolean> {
  const { lower, upper } = bounds;
  if (node.kind === "branch") {
    for (let i = upper === undefined ? node.children.length - 1 : childFor(node, upper.key); i >= 0; i--) {
      if (!(yield* backward(node.children[i]!, bounds))) return false;
    }
    return true;
  }
  let at = upper === undefined ? node.keys.length : lowerBound(node.keys, upper.key);
  if (upper === undefined || !upper.inclusive || node.keys[at] !== upper.key) at--;
  for (; at >= 0; at--) {
    if (lower !== undefined && isBeyond(-compareKeys(node.keys[at]!, lower.key), lower.inclusive))
      return false;
    yield { leaf: node, at };
  }
  return true;
}

/** `order` is positive when the key lies beyond the bound. */
function isBeyond(order: number, inclusive: boolean): boolean {
  return inclusive ? order > 0 : order >= 0;
}
