import { describe, expect, test } from "vitest";
import {
  checkLinearizability,
  type VersionedInput,
  type VersionedOutput,
  versionedBucketModel,
} from "../index.ts";

type Step = readonly [input: Action, output: VersionedOutput | undefined];
type Action = VersionedInput extends infer I ? (I extends unknown ? Omit<I, "bucket"> : never) : never;

const done = (versionId?: string): VersionedOutput => ({ kind: "done", versionId });
const found = (content: string, versionId?: string): VersionedOutput => ({
  kind: "found",
  content,
  versionId,
});
const listed = (...versions: readonly (readonly [string, string | undefined])[]): VersionedOutput => ({
  kind: "listed",
  versions: versions.map(([versionId, content], at) => ({ versionId, content, isLatest: at === 0 })),
});
const ABSENT: VersionedOutput = { kind: "absent" };
const ENABLE: Step = [{ kind: "set-versioning", versioning: "enabled" } as Action, done()];
const SUSPEND: Step = [{ kind: "set-versioning", versioning: "suspended" } as Action, done()];
const put = (content: string, output: VersionedOutput | undefined): Step => [
  { kind: "put", content } as Action,
  output,
];
const get = (output: VersionedOutput): Step => [{ kind: "get" } as Action, output];
const list = (output: VersionedOutput): Step => [{ kind: "list" } as Action, output];
const mark = (output: VersionedOutput | undefined): Step => [{ kind: "delete" } as Action, output];
const remove = (versionId: string): Step => [
  { kind: "delete-version", versionId } as Action,
  done(versionId),
];
const read = (versionId: string, output: VersionedOutput): Step => [
  { kind: "get-version", versionId } as Action,
  output,
];

/** One after the other; what has no output was not answered. */
function verdictOf(steps: readonly Step[]): string {
  const operations = steps.map(([action, output], at) => ({
    process: 1,
    input: { ...action, bucket: "b" } as VersionedInput,
    call: 2 * at,
    outcome:
      output === undefined
        ? ({ kind: "unknown" } as const)
        : ({ kind: "returned", at: 2 * at + 1, output } as const),
  }));
  return checkLinearizability(versionedBucketModel, operations).kind;
}

describe("a key with versions", () => {
  test.each<readonly [string, readonly Step[]]>([
    [
      "versions stack",
      [ENABLE, put("a", done("1")), put("b", done("2")), list(listed(["2", "b"], ["1", "a"]))],
    ],
    [
      "a marker hides them",
      [ENABLE, put("a", done("1")), mark(done("2")), get(ABSENT), read("1", found("a", "1"))],
    ],
    [
      "without the marker they are seen again",
      [ENABLE, put("a", done("1")), mark(done("2")), remove("2"), get(found("a", "1"))],
    ],
    [
      "what was there before has the id null",
      [put("a", done()), ENABLE, put("b", done("1")), read("null", found("a", "null"))],
    ],
    [
      "suspended, one null version takes the place of the other",
      [
        ENABLE,
        put("a", done("1")),
        SUSPEND,
        put("b", done("null")),
        put("c", done("null")),
        list(listed(["null", "c"], ["1", "a"])),
      ],
    ],
    ["never versioned, a delete leaves nothing", [put("a", done()), mark(done()), list(listed())]],
    [
      "what was not answered gets its id when it is seen",
      [ENABLE, put("a", undefined), list(listed(["7", "a"])), remove("7"), list(listed())],
    ],
    ["what was not answered may not have happened", [ENABLE, put("a", undefined), list(listed())]],
  ])("holds: %s", (_what, steps) => {
    expect(verdictOf(steps)).toBe("ok");
  });

  test.each<readonly [string, readonly Step[]]>([
    ["a version is listed twice", [ENABLE, put("a", done("1")), list(listed(["1", "a"], ["1", "a"]))]],
    [
      "the order is wrong",
      [ENABLE, put("a", done("1")), put("b", done("2")), list(listed(["1", "a"], ["2", "b"]))],
    ],
    ["a version got no id", [ENABLE, put("a", done()), get(found("a", "1"))]],
    ["a removed version is read", [ENABLE, put("a", done("1")), remove("1"), read("1", found("a", "1"))]],
    ["an id is used twice", [ENABLE, put("a", done("1")), put("b", done("1"))]],
    ["a marker is passed over", [ENABLE, put("a", done("1")), mark(done("2")), get(found("a", "1"))]],
    ["suspended, a version got an id", [ENABLE, SUSPEND, put("a", done("1"))]],
    [
      "what was not answered has two ids",
      [ENABLE, put("a", undefined), list(listed(["7", "a"])), get(found("a", "8"))],
    ],
    [
      "an older version is called the latest",
      [
        ENABLE,
        put("a", done("1")),
        [
          { kind: "list" } as Action,
          { kind: "listed", versions: [{ versionId: "1", content: "a", isLatest: false }] },
        ],
      ],
    ],
  ])("does not hold: %s", (_what, steps) => {
    expect(verdictOf(steps)).toBe("false");
  });
});
