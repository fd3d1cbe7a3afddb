/** The promise: this checker finds what others have found in histories that others have recorded. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { appendModel, checkLinearizability, describeVerdict, registerModel } from "./index.ts";
import { readAppendHistory, readJepsenLog } from "./testing/recorded-histories.ts";

/** Histories of Jepsen and of porcupine, with the verdicts of porcupine, read where they stand, beside the project; they are not part of it. */
const GOLDEN = fileURLToPath(new URL("../../../../../shared/golden/linearizability", import.meta.url));
const EXPECTED_JEPSEN = 51;

const present = existsSync(GOLDEN);
if (!present) console.warn(`SKIPPED: the recorded histories of Jepsen and porcupine are not at ${GOLDEN}`);

const read = (name: string) => readFileSync(`${GOLDEN}/${name}`, "utf8");

describe("recorded histories", () => {
  if (!present) {
    it.skip(`${EXPECTED_JEPSEN} + 2 histories: the golden files are absent`, () => {});
    return;
  }
  const verdicts = JSON.parse(read("jepsen/verdicts.json")) as Record<string, boolean>;

  it(`has ${EXPECTED_JEPSEN} histories of Jepsen, good ones and bad ones`, () => {
    const expected = Object.values(verdicts);
    expect(expected.length).toBe(EXPECTED_JEPSEN);
    expect(new Set(expected)).toEqual(new Set([true, false]));
  });

  for (const [name, isLinearizable] of Object.entries(verdicts)) {
    it(`jepsen/${name} is ${isLinearizable ? "" : "not "}linearizable`, () => {
      const history = readJepsenLog(read(`jepsen/${name}`));
      expect(history.length).toBeGreaterThan(50);
      const verdict = checkLinearizability(registerModel, history);
      expect(verdict.kind, describeVerdict(registerModel, verdict)).toBe(isLinearizable ? "ok" : "false");
    });
  }

  for (const [name, kind] of [
    ["c10-ok.txt", "ok"],
    ["c10-bad.txt", "false"],
  ] as const) {
    it(`kv/${name} is ${kind}`, () => {
      const history = readAppendHistory(read(`kv/${name}`));
      expect(history.length).toBeGreaterThan(300);
      const verdict = checkLinearizability(appendModel, history);
      expect(verdict.kind, describeVerdict(appendModel, verdict)).toBe(kind);
    });
  }
});
