/** Cycles of dependencies, shortest first, by the kinds of their edges. */

import type { Dependency, Edge } from "./dependencies.ts";

export type CycleKind =
  | "G0"
  | "G1c"
  | "G-single"
  | "G2"
  | "G0-realtime"
  | "G1c-realtime"
  | "G-single-realtime"
  | "G2-realtime";

export interface Cycle {
  readonly kind: CycleKind;
  readonly edges: readonly Edge[];
}

/** From the worst to the mildest; a cycle that needs real time comes after those that do not. */
const SEARCHES: readonly { kind: CycleKind; through: readonly Dependency[]; closing?: Dependency }[] = [
  { kind: "G0", through: ["ww"] },
  { kind: "G1c", through: ["ww", "wr"] },
  { kind: "G-single", through: ["ww", "wr"], closing: "rw" },
  { kind: "G2", through: ["ww", "wr", "rw"] },
  { kind: "G0-realtime", through: ["ww", "rt"] },
  { kind: "G1c-realtime", through: ["ww", "wr", "rt"] },
  { kind: "G-single-realtime", through: ["ww", "wr", "rt"], closing: "rw" },
  { kind: "G2-realtime", through: ["ww", "wr", "rw", "rt"] },
];

/** The first cycle that is found in the order of `SEARCHES`, or undefined: there is a serial order. */
export function worstCycle(count: number, edges: readonly Edge[]): Cycle | undefined {
  const component = stronglyConnected(count, edges);
  // Whatever is on a cycle is on one within its component.
  const inside = edges.filter(({ from, to }) => component[from] === component[to]);
  if (inside.length === 0) return undefined;
  for (const { kind, through, closing } of SEARCHES) {
    const walked = inside.filter((edge) => through.includes(edge.kind));
    const starts = closing === undefined ? walked : inside.filter((edge) => edge.kind === closing);
    const found = shortestClosed(count, walked, starts);
    if (found !== undefined) return { kind, edges: found };
  }
  return undefined;
}

/** The shortest of the cycles that begin with one of `starts` and go on through `walked`. */
function shortestClosed(count: number, walked: readonly Edge[], starts: readonly Edge[]): Edge[] | undefined {
  const component = stronglyConnected(count, [...walked, ...starts]);
  const outgoing = outgoingOf(count, walked);
  let best: Edge[] | undefined;
  for (const start of starts) {
    if (component[start.from] !== component[start.to]) continue;
    const path = shortestPath(outgoing, start.to, start.from);
    if (path !== undefined && (best === undefined || path.length + 1 < best.length)) best = [start, ...path];
    if (best?.length === 2) break;
  }
  return best;
}

function shortestPath(outgoing: readonly (readonly Edge[])[], from: number, to: number): Edge[] | undefined {
  const reachedBy = new Map<number, Edge | undefined>([[from, undefined]]);
  // Grows while it is walked.
  const queue = [from];
  for (const node of queue) {
    if (node === to) break;
    for (const edge of outgoing[node] ?? []) {
      if (reachedBy.has(edge.to)) continue;
      reachedBy.set(edge.to, edge);
      queue.push(edge.to);
    }
  }
  if (!reachedBy.has(to)) return undefined;
  const path: Edge[] = [];
  for (let edge = reachedBy.get(to); edge !== undefined; edge = reachedBy.get(edge.from)) path.unshift(edge);
  return path;
}

function outgoingOf(count: number, edges: readonly Edge[]): readonly (readonly Edge[])[] {
  const outgoing: Edge[][] = Array.from({ length: count }, () => []);
  for (const edge of edges) outgoing[edge.from]?.push(edge);
  return outgoing;
}

/** The number of each node's strongly connected component (Tarjan, 1972), without recursion: histories are long. */
function stronglyConnected(count: number, edges: readonly Edge[]): Int32Array {
  const outgoing = outgoingOf(count, edges);
  const component = new Int32Array(count).fill(-1);
  const order = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const open: number[] = [];
  let visited = 0;
  let components = 0;
  const enter = (node: number) => {
    order[node] = low[node] = visited++;
    open.push(node);
  };
  const leave = (node: number) => {
    if (low[node] !== order[node]) return;
    for (let member = open.pop(); member !== undefined; member = open.pop()) {
      component[member] = components;
      if (member === node) break;
    }
    components++;
  };
  for (let root = 0; root < count; root++) {
    if (order[root] !== -1) continue;
    enter(root);
    const path = [{ node: root, next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const edge = outgoing[top.node]?.[top.next++];
      if (edge === undefined) {
        leave(top.node);
        path.pop();
        const parent = path.at(-1);
        if (parent !== undefined) low[parent.node] = Math.min(low[parent.node]!, low[top.node]!);
      } else if (order[edge.to] === -1) {
        enter(edge.to);
        path.push({ node: edge.to, next: 0 });
      } else if (component[edge.to] === -1) {
        low[top.node] = Math.min(low[top.node]!, order[edge.to]!);
      }
    }
  }
  return component;
}
