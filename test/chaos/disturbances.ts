/** What the faults of the network do to packets. */
import { CLIENTS, type Disturbance } from "./chaos-network.ts";
import type { Fault } from "./schedule.ts";

const NOTHING_PASSES = { lossPermille: 1000, delayMs: 0, jitterMs: 0 };

/** Of the packets from and to one node. */
export function disturbancesOf(
  fault: Extract<Fault, { kind: "isolate" | "partial" | "mute" | "slow" }>,
  node: number,
  others: readonly number[],
): readonly Disturbance[] {
  const out = others.map((to): Disturbance => ({ from: node, to, ...NOTHING_PASSES }));
  const back = others.map((from): Disturbance => ({ from, to: node, ...NOTHING_PASSES }));
  switch (fault.kind) {
    case "isolate":
      return [...(fault.direction === "in" ? [] : out), ...(fault.direction === "out" ? [] : back)];
    case "partial": {
      const other = others.includes(fault.other) ? fault.other : (others[0] ?? node);
      return [...out, ...back].filter(({ from, to }) => from === other || to === other);
    }
    case "mute":
      return [{ from: node, to: CLIENTS, ...NOTHING_PASSES }];
    case "slow": {
      const { lossPermille, delayMs, jitterMs } = fault;
      return [...out, ...back].map(({ from, to }) => ({ from, to, lossPermille, delayMs, jitterMs }));
    }
  }
}

/** Between the sides, in both directions; `nodes` are all. */
export function splitting(
  { side, bridge }: Extract<Fault, { kind: "split" }>,
  nodes: readonly number[],
): readonly Disturbance[] {
  const rest = nodes.filter((node) => !side.includes(node) && node !== bridge);
  return side.flatMap((one) =>
    rest.flatMap((other): Disturbance[] => [
      { from: one, to: other, ...NOTHING_PASSES },
      { from: other, to: one, ...NOTHING_PASSES },
    ]),
  );
}
