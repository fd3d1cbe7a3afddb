import { SaxesParser } from "saxes";

export type Outcome = "passed" | "failed" | "skipped";

export interface TestOutcome {
  /** "test_s3.py::test_name[parameters]". */
  readonly test: string;
  readonly outcome: Outcome;
  /** The first line of what went wrong. */
  readonly message: string;
}

/** Reads the JUnit report that pytest writes. An error in setting up or clearing away counts as a failure. */
export function readOutcomes(xml: string): readonly TestOutcome[] {
  const outcomes = new Map<string, TestOutcome>();
  let current: TestOutcome | undefined;
  const parser = new SaxesParser();
  parser.on("opentag", ({ name, attributes }) => {
    if (name === "testcase") {
      const file = (attributes["classname"] ?? "").split(".").at(-1);
      current = { test: `${file}.py::${attributes["name"]}`, outcome: "passed", message: "" };
    } else if (current !== undefined && (name === "failure" || name === "error" || name === "skipped")) {
      const message = (attributes["message"] ?? "").split("\n")[0] ?? "";
      if (current.outcome !== "failed") {
        current = { ...current, outcome: name === "skipped" ? "skipped" : "failed", message };
      }
    }
  });
  parser.on("closetag", ({ name }) => {
    if (name !== "testcase" || current === undefined) return;
    // A failing teardown is a second entry of the same name.
    if (outcomes.get(current.test)?.outcome !== "failed") outcomes.set(current.test, current);
    current = undefined;
  });
  parser.on("error", (error) => {
    throw error;
  });
  parser.write(xml).close();
  return [...outcomes.values()];
}
