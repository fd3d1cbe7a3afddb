import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { NodeId } from "../types.ts";
import { type ChangeResult, enterJoint, leaveJoint, simpleChange } from "./conf-change.ts";
import { idSet } from "./id-set.ts";
import {
  jointCommittedIndex,
  jointVoteResult,
  majorityCommittedIndex,
  majorityVoteResult,
  voterIds,
} from "./quorum.ts";
import { type Argument, type DataDrivenCase, parseDataDriven } from "./testing/datadriven.ts";
import { describeAcked, describeConfiguration, describeProgress, parseChanges } from "./testing/describe.ts";
import { InteractionEnvironment } from "./testing/interaction.ts";
import { Tracker } from "./tracker.ts";

/**
 * The data-driven tests of etcd-io/raft, read where they stand, beside the project; they are not part of it. Log lines are left out of
 * the comparison: this core does not log.
 */
const GOLDEN = fileURLToPath(new URL("../../../../shared/golden/etcd-raft", import.meta.url));

const EXPECTED_CASES = { quorum: 127, confchange: 58, interaction: 558 };
type Suite = keyof typeof EXPECTED_CASES;

const present = existsSync(GOLDEN);
if (!present) console.warn(`SKIPPED: the golden files of etcd-io/raft are not at ${GOLDEN}`);

function filesOf(suite: Suite): { name: string; cases: DataDrivenCase[] }[] {
  const directory = `${GOLDEN}/${suite}`;
  return readdirSync(directory)
    .sort()
    .map((name) => ({ name, cases: parseDataDriven(readFileSync(`${directory}/${name}`, "utf8")) }));
}

/** Plays every file of a suite from its beginning, each on a new machine, and compares case by case. */
function suite(name: Suite, newMachine: () => (scenario: DataDrivenCase) => string): void {
  describe(`etcd-io/raft ${name}`, () => {
    if (!present) {
      it.skip(`${EXPECTED_CASES[name]} cases: the golden files are absent`, () => {});
      return;
    }
    const files = filesOf(name);
    it(`has ${EXPECTED_CASES[name]} cases`, () => {
      expect(files.reduce((count, { cases }) => count + cases.length, 0)).toBe(EXPECTED_CASES[name]);
    });
    for (const file of files) {
      it(`${file.name} (${file.cases.length} cases)`, () => {
        const run = newMachine();
        for (const scenario of file.cases) {
          const where = `${file.name}:${scenario.line} ${scenario.command}`;
          expect(`${where}\n${run(scenario).trimEnd()}`).toBe(`${where}\n${withoutLog(scenario.expected)}`);
        }
      });
    }
  });
}

const LOG_LINE = /^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /;

function withoutLog(expected: string): string {
  const lines = expected.split("\n");
  const said = lines.filter((line) => !LOG_LINE.test(line));
  // Where there was nothing but log lines there is nothing left to say.
  return said.length === 0 && lines.length > 0 ? "ok" : said.join("\n").trimEnd();
}

function argument(args: readonly Argument[], key: string): readonly string[] | undefined {
  return args.find((arg) => arg.key === key)?.values;
}

suite("interaction", () => {
  const environment = new InteractionEnvironment();
  return (scenario) => environment.run(scenario);
});

suite("confchange", () => {
  const tracker = new Tracker({ maxInflightMessages: 10, maxInflightBytes: Number.POSITIVE_INFINITY });
  let lastIndex = 0;
  return ({ command, args, input }) => {
    const result = change(command, args, input);
    if (result.ok) tracker.configure(result.configuration, lastIndex);
    lastIndex++;
    return result.ok
      ? `${describeConfiguration(tracker.configuration)}\n${describeProgress(progress())}`
      : result.reason;
  };

  function change(command: string, args: readonly Argument[], input: string): ChangeResult {
    const changes = parseChanges(input);
    switch (command) {
      case "simple":
        return simpleChange(tracker.configuration, changes);
      case "enter-joint":
        return enterJoint(tracker.configuration, argument(args, "autoleave")?.[0] === "true", changes);
      case "leave-joint":
        return changes.length > 0
          ? { ok: false, reason: "this command takes no input" }
          : leaveJoint(tracker.configuration);
      default:
        return { ok: false, reason: "unknown command" };
    }
  }

  function progress() {
    return tracker.ids.map((id) => {
      const { match, next, state, isLearner, recentActive, paused, pendingSnapshot } = tracker.get(id)!;
      const inflight = { inflightMessages: 0, inflightFull: false, activeLately: recentActive };
      return { id, match, next, state, isLearner, recentActive, paused, pendingSnapshot, ...inflight };
    });
  }
});

suite("quorum", () =>
  ({ command, args }) => {
    const ids = (argument(args, "cfg") ?? []).map(Number);
    const joint = argument(args, "cfgj");
    const idsJoint = joint === undefined || joint[0] === "zero" ? [] : joint.map(Number);
    const config = { incoming: idSet(ids), outgoing: idSet(idsJoint) };
    const swapped = { incoming: config.outgoing, outgoing: config.incoming };
    const given = argument(args, command === "vote" ? "votes" : "idx") ?? [];
    const order = [...new Set([...ids, ...idsJoint])];
    const known = new Map<NodeId, string>();
    for (const [at, id] of order.entries())
      if (given[at] !== undefined && given[at] !== "_") known.set(id, given[at]);
    if (order.length !== given.length) return "error: mismatched input";

    if (command === "vote") {
      const votes = new Map([...known].map(([id, vote]) => [id, vote === "y"]));
      if (joint === undefined) return majorityVoteResult(config.incoming, votes);
      const result = jointVoteResult(config, votes);
      const symmetric = jointVoteResult(swapped, votes);
      return symmetric === result ? result : `${symmetric} <-- via symmetry\n${result}`;
    }
    const acked = (id: NodeId) => (known.has(id) ? Number(known.get(id)) : undefined);
    const print = (index: number) => (index === Number.POSITIVE_INFINITY ? "∞" : String(index));
    const index =
      joint === undefined
        ? majorityCommittedIndex(config.incoming, acked)
        : jointCommittedIndex(config, acked);
    let text = describeAcked(voterIds(config), acked);
    const alternatives: [string, number][] =
      joint === undefined
        ? [
            ["zero-joint quorum", jointCommittedIndex({ incoming: config.incoming, outgoing: [] }, acked)],
            [
              "self-joint quorum",
              jointCommittedIndex({ incoming: config.incoming, outgoing: config.incoming }, acked),
            ],
          ]
        : [["symmetry", jointCommittedIndex(swapped, acked)]];
    for (const [how, other] of alternatives) if (other !== index) text += `${print(other)} <-- via ${how}\n`;
    return `${text}${print(index)}`;
  });

it("adds up to all the cases there are", () => {
  expect(Object.values(EXPECTED_CASES).reduce((sum, count) => sum + count, 0)).toBe(743);
});
