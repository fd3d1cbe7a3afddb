import type { TestOutcome } from "./outcomes.ts";
import type { Transport } from "./skerry-node.ts";

export interface KnownFailure {
  readonly test: string;
  /** Undefined: over both. */
  readonly transport: Transport | undefined;
  readonly reason: string;
}

/**
 * One entry a line: `test_s3.py::test_name  # reason`, or with "http " or "tls " before it where the test fails over one only. Throws on an
 * entry without a reason and on one that is there twice.
 */
export function readKnownFailures(text: string): readonly KnownFailure[] {
  const known: KnownFailure[] = [];
  const seen = new Set<string>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const match = /^(?:(http|tls) )?(\S+)\s+#\s*(\S.*)$/.exec(line);
    if (match === null)
      throw new Error(`known failures, line ${index + 1}: an entry is a test and "# reason"`);
    const [, transport, test = "", reason = ""] = match;
    const id = `${transport ?? ""} ${test}`;
    if (seen.has(id)) throw new Error(`known failures, line ${index + 1}: ${test} is there twice`);
    seen.add(id);
    known.push({ test, transport: transport as Transport | undefined, reason });
  }
  return known;
}

export interface Comparison {
  readonly newFailures: readonly TestOutcome[];
  /** Entries whose tests ran and did not fail: they must go from the list. */
  readonly passingNow: readonly KnownFailure[];
}

export function compare(
  outcomes: readonly TestOutcome[],
  known: readonly KnownFailure[],
  transport: Transport,
): Comparison {
  const listed = new Map(
    known
      .filter((entry) => entry.transport === undefined || entry.transport === transport)
      .map((entry) => [entry.test, entry]),
  );
  return {
    newFailures: outcomes.filter(({ test, outcome }) => outcome === "failed" && !listed.has(test)),
    passingNow: outcomes.flatMap(({ test, outcome }) => {
      const entry = listed.get(test);
      return entry !== undefined && outcome === "passed" ? [entry] : [];
    }),
  };
}
