/** The promise: the list of known failures is judged as it says, so that it can only shrink. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { areaOf } from "./areas.ts";
import { compare, readKnownFailures } from "./known-failures.ts";
import { readOutcomes } from "./outcomes.ts";
import { laneResults } from "./results.ts";

const REPORT = `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest">
  <testcase classname="s3tests.functional.test_s3" name="test_a" time="0.1" />
  <testcase classname="s3tests.functional.test_s3" name="test_b[x-1]"><failure message="assert 1 == 2&#10;more">trace</failure></testcase>
  <testcase classname="s3tests.functional.test_s3" name="test_c"><skipped message="not here"/></testcase>
  <testcase classname="s3tests.functional.test_iam" name="test_d" />
  <testcase classname="s3tests.functional.test_iam" name="test_d"><error message="failed on teardown"/></testcase>
</testsuite></testsuites>`;

describe("the report of a run", () => {
  it("is read test by test; a failing teardown fails its test", () => {
    expect(readOutcomes(REPORT)).toEqual([
      { test: "test_s3.py::test_a", outcome: "passed", message: "" },
      { test: "test_s3.py::test_b[x-1]", outcome: "failed", message: "assert 1 == 2" },
      { test: "test_s3.py::test_c", outcome: "skipped", message: "not here" },
      { test: "test_iam.py::test_d", outcome: "failed", message: "failed on teardown" },
    ]);
  });

  it("that is cut off is no report", () => {
    expect(() => readOutcomes(REPORT.slice(0, 300))).toThrow();
  });
});

describe("known failures", () => {
  const known = readKnownFailures(
    "# comment\n\ntest_s3.py::test_b[x-1]  # a reason\ntls test_s3.py::test_a  # only there\n",
  );

  it("are excused; others are new, and what passes must leave the list", () => {
    const outcomes = readOutcomes(REPORT);
    expect(compare(outcomes, known, "http")).toEqual({
      newFailures: [{ test: "test_iam.py::test_d", outcome: "failed", message: "failed on teardown" }],
      passingNow: [],
    });
    expect(compare(outcomes, known, "tls").passingNow.map(({ test }) => test)).toEqual([
      "test_s3.py::test_a",
    ]);
  });

  it.each([
    ["test_s3.py::test_a", "line 1: an entry is"],
    ["test_s3.py::test_a  #  ", "line 1: an entry is"],
    ["test_a # x\ntest_a # y", "line 2: test_a is there twice"],
  ])("have a reason each, and stand there once: %j", (text, message) => {
    expect(() => readKnownFailures(text)).toThrow(message);
  });

  it("of this release can be read", () => {
    const text = readFileSync(join(import.meta.dirname, "known-failures.txt"), "utf8");
    expect(() => readKnownFailures(text)).not.toThrow();
  });
});

it("lanes that were run to their end are kept, each over each transport", () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-lanes-"));
  const outcomes = readOutcomes(REPORT);
  laneResults(folder).write("http", "core", outcomes);
  const { read } = laneResults(folder);
  expect([read("http", "core"), read("tls", "core"), read("http", "iam")]).toEqual([
    outcomes,
    undefined,
    undefined,
  ]);
  rmSync(folder, { recursive: true });
});

it.each([
  ["test_s3.py::test_bucket_listv2_many", "listing v2"],
  ["test_s3.py::test_post_object_upload_checksum", "POST object"],
  ["test_s3.py::test_copy_enc[sse-kms-sse-kms-STANDARD-STANDARD-8388608]", "encryption: SSE-KMS"],
  ["test_s3.py::test_object_write_file", "objects"],
])("%s is about %s", (test, area) => {
  expect(areaOf(test)).toBe(area);
});
