import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { InvalidArgumentError } from "commander";
import type { GetStatusResponse, NodeStatus } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { CommandError } from "./exit.ts";

const LOOK_EVERY_MS = 500;
/** A look that is not answered by then is given up; the next may find a connection that works. */
const LOOK_TIMEOUT_MS = 10_000;

export interface StatusClient {
  getStatus(
    request: Record<string, never>,
    options?: { readonly timeoutMs?: number },
  ): Promise<GetStatusResponse>;
}

export interface WaitOptions {
  readonly timeoutSeconds: number;
  /** What has not happened when the time is over: "node-2 has not left". */
  readonly what: string;
}

/**
 * Looks at the cluster until `isDone` returns something, and returns that. An answer that fails for a moment (a change of leader, a node that restarts)
 * is no reason to give up. Throws a CommandError with exit code 3 when the time is over.
 */
export async function untilStatus<T>(
  client: StatusClient,
  options: WaitOptions,
  isDone: (status: GetStatusResponse) => T | undefined,
): Promise<T> {
  const deadlineMs = performance.now() + options.timeoutSeconds * 1000;
  for (;;) {
    const status = await client.getStatus({}, lookUntil(deadlineMs)).catch(ifPassing);
    const done = status && isDone(status);
    if (done !== undefined) return done;
    if (performance.now() >= deadlineMs) {
      throw new CommandError(
        `${options.what} after ${options.timeoutSeconds} s; what is under way goes on`,
        3,
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** For a call of a command that waits until then, by performance.now(): no look takes longer than what is left. */
export function lookUntil(deadlineMs: number): { readonly timeoutMs: number } {
  const leftMs = Math.ceil(deadlineMs - performance.now());
  return { timeoutMs: Math.min(LOOK_TIMEOUT_MS, Math.max(1, leftMs)) };
}

const PASSING: ReadonlySet<Code> = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted]);

/** For calls that are made again and again. */
export function ifPassing(error: unknown): undefined {
  if (error instanceof ConnectError && PASSING.has(error.code)) return undefined;
  throw error;
}

/** The node of this name or id. Throws a CommandError that names those that there are. */
export function nodeNamed(status: GetStatusResponse, text: string): NodeStatus {
  const byName = status.nodes.find(({ name }) => name === text);
  const byId = status.nodes.find(({ nodeId }) => String(nodeId) === text);
  const found = byName ?? byId;
  if (found !== undefined) return found;
  const names = status.nodes.map(({ name }) => name).join(", ");
  throw new CommandError(`there is no node "${text}" in the cluster; there are ${names || "none"}`, 4);
}

/** Also one that is leaving: its vote may still be needed. */
export function isMember(status: GetStatusResponse, nodeId: bigint): boolean {
  const { voters = [], learners = [], votersOutgoing = [], leaving = [] } = status.raft ?? {};
  return [voters, learners, votersOutgoing, leaving].some((ids) => ids.includes(nodeId));
}

/** For options in whole seconds. */
export function seconds(text: string): number {
  const value = Number(text);
  if (/^[0-9]{1,9}$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("a whole number of seconds");
}
