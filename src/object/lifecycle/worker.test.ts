/** The promise: what a rule names goes when its day has come, nothing else does, and a new leader goes on where the last one was. */
import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it } from "vitest";
import { CommandResultSchema, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { Metadata } from "../../meta/index.ts";
import { type LifecycleRule, lifecycleDocument } from "../index.ts";
import type { BodySource, ObjectAttributes } from "../ports.ts";
import { MAX_RELEASED_REFERENCES } from "../released-references.ts";
import { MINIMUM_PART_BYTES, OWNER, SingleNode } from "../testing/single-node.ts";
import { beginUpload, copySlices, putSlices } from "../testing/slices.ts";
import type { LifecycleCounts } from "./cursor.ts";
import { DAY_MS } from "./due.ts";
import { LIFECYCLE_PAGE_ROWS } from "./walk.ts";
import { lifecycleWorker } from "./worker.ts";

const BUCKET = "logs";
const signal = new AbortController().signal;
const NOON = Date.parse("2024-01-15T12:00:00Z");
const MIDNIGHT = Date.parse("2024-01-16T00:00:00Z");

let nowMs: number;
let node: SingleNode;

beforeEach(async () => {
  nowMs = NOON;
  node = await SingleNode.create(() => nowMs);
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
});

function attributes(more: Partial<ObjectAttributes> = {}): ObjectAttributes {
  return {
    contentType: "text/plain",
    headers: new Map(),
    userMetadata: new Map(),
    storageClass: "STANDARD",
    ...more,
  };
}

function body(sizeBytes: number): BodySource {
  async function* pieces() {
    yield new Uint8Array(sizeBytes);
  }
  return { sizeBytes, bytes: pieces(), expected: {} };
}

function put(key: string, more: Partial<ObjectAttributes> = {}, sizeBytes = 3) {
  return node.objects.putObject({
    bucket: BUCKET,
    key,
    body: body(sizeBytes),
    attributes: attributes(more),
    owner: OWNER,
    signal,
  });
}

function rule(more: Partial<LifecycleRule>, prefix = ""): LifecycleRule {
  return { id: "r", isEnabled: true, scope: { kind: "prefix", prefix }, ...more };
}

function rules(...given: readonly LifecycleRule[]) {
  const configuration = lifecycleDocument({ rules: given, transitionMinimumSize: "varies_by_storage_class" });
  return node.objects.putBucketConfiguration({ bucket: BUCKET, kind: "lifecycle", configuration });
}

const keys = async () =>
  (
    await node.objects.listObjects({ bucket: BUCKET, prefix: "", delimiter: "", after: "", limit: 1000 })
  ).objects.map(({ key }) => key);

const versions = async () =>
  (
    await node.objects.listVersions({
      bucket: BUCKET,
      prefix: "",
      delimiter: "",
      afterKey: "",
      afterVersionId: undefined,
      limit: 1000,
    })
  ).versions.map(({ key, deleteMarker }) => `${key} ${deleteMarker ? "marker" : "version"}`);

interface Made {
  readonly metadata?: Pick<Metadata, "submit" | "barrier" | "view">;
  readonly dayMs?: number;
  readonly isLeader?: () => boolean;
  /** How far the worker's clock is before that of the log. */
  readonly aheadMs?: () => number;
}

let ids = 0;
function make(made: Made = {}) {
  const steps: LifecycleCounts[] = [];
  const worker = lifecycleWorker({
    metadata: made.metadata ?? node.metadata,
    isLeader: made.isLeader ?? (() => true),
    clock: { wallMs: () => nowMs + (made.aheadMs?.() ?? 0) },
    newId: () => {
      const id = new Uint8Array(16);
      const view = new DataView(id.buffer);
      view.setBigUint64(0, BigInt(nowMs) << 16n);
      view.setUint32(12, ++ids);
      return id;
    },
    dayMs: made.dayMs ?? DAY_MS,
    onStep: (counts) => steps.push(counts),
  });
  const sum = (pick: (counts: LifecycleCounts) => number) => steps.reduce((all, step) => all + pick(step), 0);
  return {
    worker,
    /** Until there is nothing to do; how much was done. */
    run: async () => {
      const before = sum(({ expired }) => expired);
      while ((await worker.runUnit(signal)) === "more");
      return sum(({ expired }) => expired) - before;
    },
    examined: () => sum(({ examined }) => examined),
    kept: () => sum(({ kept }) => kept),
  };
}

describe("a pass", () => {
  it("removes objects at the midnight behind their days, and those of other prefixes never", async () => {
    await put("old/a");
    await put("old/b");
    await put("keep/a");
    await rules(rule({ expiration: { kind: "days", days: 1 } }, "old/"));
    const { run } = make();
    expect(await run()).toBe(0);
    // Half a day short of a whole one.
    nowMs = MIDNIGHT;
    expect(await run()).toBe(0);
    nowMs = MIDNIGHT + DAY_MS - 1;
    expect(await run()).toBe(0);
    nowMs = MIDNIGHT + DAY_MS;
    expect(await run()).toBe(2);
    expect(await keys()).toEqual(["keep/a"]);
    expect(await node.violations()).toEqual([]);
  });

  it("walks only what rules are about", async () => {
    for (const key of ["a/1", "a/2", "b/1", "b/2", "b/3", "c/1"]) await put(key);
    await rules(
      rule({ expiration: { kind: "days", days: 100 } }, "b/"),
      rule({ expiration: { kind: "days", days: 100 } }, "b/3"),
      rule({ isEnabled: false, expiration: { kind: "days", days: 1 } }, "a/"),
      rule({ abortUploadsAfterDays: 1 }, ""),
    );
    const { run, examined } = make();
    await run();
    expect(examined()).toBe(3);
  });

  it("is not begun twice a day, but for rules that are new", async () => {
    await put("a");
    await rules(rule({ expiration: { kind: "days", days: 100 } }));
    const { run, examined } = make();
    nowMs += 1;
    await run();
    await run();
    nowMs += 3_600_000;
    await run();
    expect(examined()).toBe(1);
    await rules(rule({ expiration: { kind: "date", dateMs: 0 } }));
    nowMs += 3_600_000;
    expect(await run()).toBe(1);
    expect(await keys()).toEqual([]);
  });

  it.each([
    ["over", Number.POSITIVE_INFINITY],
    ["under way", 1],
  ])(
    "that was begun while a clock was a year ahead, and is %s, holds up none behind it",
    async (_, units) => {
      await put("early");
      await rules(rule({ expiration: { kind: "date", dateMs: MIDNIGHT } }));
      let aheadMs = 365 * DAY_MS;
      const { worker, run } = make({ aheadMs: () => aheadMs });
      for (let unit = 0; unit < units && (await worker.runUnit(signal)) === "more"; unit++);
      aheadMs = 0;
      nowMs = MIDNIGHT;
      await put("late");
      await run();
      await run();
      expect(await keys()).toEqual([]);
      nowMs += DAY_MS;
      await put("later");
      await run();
      expect(await keys()).toEqual([]);
    },
  );

  it("that was begun while a clock was hours ahead does not hide rules that are new", async () => {
    await put("a");
    await rules(rule({ expiration: { kind: "days", days: 9 } }));
    let aheadMs = 6 * 60 * 60_000;
    const { run } = make({ aheadMs: () => aheadMs });
    await run();
    aheadMs = 0;
    nowMs += 60 * 60_000;
    await rules(rule({ expiration: { kind: "date", dateMs: MIDNIGHT - DAY_MS } }));
    expect(await run()).toBe(1);
  });

  it("goes over more than a page", async () => {
    const count = LIFECYCLE_PAGE_ROWS + 10;
    for (let at = 0; at < count; at++) await put(`k${String(at).padStart(4, "0")}`, {}, 0);
    await rules(rule({ expiration: { kind: "date", dateMs: 0 } }));
    const { run, examined } = make();
    expect(await run()).toBe(count);
    expect(examined()).toBe(count);
    expect(await keys()).toEqual([]);
  });

  it("with a shortened day acts when the days are over, without midnights", async () => {
    await put("a");
    await rules(rule({ expiration: { kind: "days", days: 1 } }));
    const { run } = make({ dayMs: 10_000 });
    nowMs += 9_000;
    expect(await run()).toBe(0);
    nowMs += 1_000;
    expect(await run()).toBe(1);
  });
});

describe("versions", () => {
  beforeEach(() => node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" }));

  it("that are noncurrent go, then the marker that is left", async () => {
    for (let at = 0; at < 3; at++) await put("a");
    await rules(
      rule({
        expiration: { kind: "markers", isOn: true },
        noncurrentExpiration: { days: 1 },
      }),
    );
    const { run } = make();
    nowMs = MIDNIGHT + DAY_MS;
    expect(await run()).toBe(2);
    expect(await versions()).toEqual(["a version"]);
    await node.objects.deleteObject({ bucket: BUCKET, key: "a" });
    nowMs += 2 * DAY_MS;
    expect(await run()).toBe(1);
    expect(await versions()).toEqual(["a marker"]);
    nowMs += DAY_MS;
    expect(await run()).toBe(1);
    expect(await versions()).toEqual([]);
    expect(await node.violations()).toEqual([]);
  });

  it("that are current get one marker, and no second one", async () => {
    await put("a");
    await rules(rule({ expiration: { kind: "days", days: 1 } }));
    const { run } = make();
    nowMs = MIDNIGHT + DAY_MS;
    expect(await run()).toBe(1);
    nowMs += DAY_MS;
    expect(await run()).toBe(0);
    expect(await versions()).toEqual(["a marker", "a version"]);
  });

  it("are kept, so many of the newest, also over the end of a page", async () => {
    for (let at = 0; at < 6; at++) await put("a", {}, 0);
    for (let at = 0; at < LIFECYCLE_PAGE_ROWS; at++) await put("b", {}, 0);
    await rules(rule({ noncurrentExpiration: { days: 1, newerVersions: 4 } }));
    const { run, kept } = make();
    nowMs = MIDNIGHT + DAY_MS;
    expect(await run()).toBe(1 + LIFECYCLE_PAGE_ROWS - 5);
    expect(kept()).toBe(0);
    const left = await versions();
    expect([left.filter((at) => at.startsWith("a")).length, left.length]).toEqual([5, 10]);
  });

  it("under a retention stay", async () => {
    await node.objects.putObjectLock({ bucket: BUCKET, defaultRetention: { mode: "GOVERNANCE", days: 30 } });
    await put("a");
    await put("a");
    await rules(rule({ noncurrentExpiration: { days: 1 } }));
    const { run, kept } = make();
    nowMs = MIDNIGHT + DAY_MS;
    expect(await run()).toBe(0);
    expect(kept()).toBe(1);
    nowMs += 30 * DAY_MS;
    expect(await run()).toBe(1);
  });
});

it("uploads that nobody completes are aborted", async () => {
  const upload = (key: string) =>
    node.objects.createUpload({
      bucket: BUCKET,
      key,
      attributes: attributes(),
      owner: OWNER,
      checksumAlgorithm: undefined,
      checksumType: undefined,
    });
  const { uploadId } = await upload("a/1");
  await upload("b/1");
  await node.objects.uploadPart({
    bucket: BUCKET,
    key: "a/1",
    uploadId,
    partNumber: 1,
    body: body(MINIMUM_PART_BYTES),
    signal,
  });
  await rules(rule({ abortUploadsAfterDays: 1 }, "a/"));
  const { run } = make();
  nowMs = MIDNIGHT + DAY_MS;
  expect(await run()).toBe(1);
  const request = { bucket: BUCKET, prefix: "", delimiter: "", afterKey: "", afterUploadId: "", limit: 10 };
  const { uploads } = await node.objects.listUploads(request);
  expect(uploads.map(({ key }) => key)).toEqual(["b/1"]);
  expect(await node.violations()).toEqual([]);
});

describe("what lets go of many references at once", () => {
  const SLICES = 300;
  const FIT = Math.floor(MAX_RELEASED_REFERENCES / SLICES);
  const COPIES = 2 * FIT + 2;

  beforeEach(() => putSlices(node, BUCKET, "k00", SLICES));

  /** How many targets each command had. */
  async function expired(): Promise<number[]> {
    const { metadata } = node;
    const targets: number[] = [];
    const { run } = make({
      metadata: {
        view: metadata.view,
        barrier: () => metadata.barrier(),
        submit: (command, options) => {
          if (command.case === "expireObjects") targets.push(command.value.targets.length);
          return metadata.submit(command, options);
        },
      },
    });
    nowMs = MIDNIGHT + 3 * DAY_MS;
    expect(await run()).toBe(COPIES);
    expect(await node.violations()).toEqual([]);
    return targets;
  }

  it("objects are removed by several commands", async () => {
    for (let at = 1; at < COPIES; at++)
      await copySlices(node, BUCKET, "k00", `k${String(at).padStart(2, "0")}`);
    await rules(rule({ expiration: { kind: "days", days: 1 } }));
    expect(await expired()).toEqual([FIT, FIT, 2]);
    expect(await keys()).toEqual([]);
  });

  it("noncurrent versions as well", async () => {
    await node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
    for (let at = 0; at <= COPIES; at++) await copySlices(node, BUCKET, "k00", "k01");
    await rules(rule({ noncurrentExpiration: { days: 1 } }));
    expect(await expired()).toEqual([FIT, FIT, 2]);
  });

  it("uploads as well, whose parts are counted by their slices", async () => {
    for (let at = 0; at < COPIES; at++) {
      const upload = { bucket: BUCKET, key: `u${at}`, uploadId: await beginUpload(node, BUCKET, `u${at}`) };
      const source = { sourceBucket: BUCKET, sourceKey: "k00", range: undefined };
      await node.objects.uploadPartCopy({ ...upload, partNumber: 1, ...source, signal });
    }
    await rules(rule({ abortUploadsAfterDays: 1 }));
    expect(await expired()).toEqual([FIT, FIT, 2]);
    expect(await keys()).toEqual(["k00"]);
  });
});

describe("who leads", () => {
  it("acts alone", async () => {
    await put("a");
    await rules(rule({ expiration: { kind: "date", dateMs: 0 } }));
    expect(await make({ isLeader: () => false }).run()).toBe(0);
    expect(await keys()).toEqual(["a"]);
  });

  it("goes on where the last one was, and does not repeat a pass that is over", async () => {
    const pages = 60;
    const count = pages * 2;
    for (let at = 0; at < count; at++) await put(`k${String(at).padStart(4, "0")}`, {}, 0);
    await rules(
      ...Array.from({ length: count }, (_, at) =>
        rule({ expiration: { kind: "days", days: 100 } }, `k${String(at).padStart(4, "0")}`),
      ),
    );
    const first = make();
    // Every prefix is a unit: the cursor has been written once.
    for (let unit = 0; unit < 70; unit++) await first.worker.runUnit(signal);
    const second = make();
    await second.run();
    expect(second.examined()).toBeGreaterThan(0);
    expect(second.examined()).toBeLessThan(count);
    expect(first.examined() + second.examined()).toBeGreaterThanOrEqual(count);
    const third = make();
    await third.run();
    expect(third.examined()).toBe(0);
  });

  it("and was not alone for a moment looks again at what the other one wrote", async () => {
    await put("a");
    await rules(rule({ expiration: { kind: "days", days: 100 } }));
    const [one, other] = [make(), make()];
    await one.worker.runUnit(signal);
    await other.run();
    await one.run();
    nowMs += DAY_MS;
    await one.run();
    expect(one.examined()).toBe(2);
    expect(one.worker.progress?.().done).toBe(1);
  });

  it("does not pass over what could not be done for a while", async () => {
    await put("a");
    await rules(rule({ expiration: { kind: "date", dateMs: 0 } }));
    const { metadata } = node;
    let isOff = true;
    const held = make({
      metadata: {
        view: metadata.view,
        barrier: () => metadata.barrier(),
        submit: async (command, options) => {
          if (isOff && command.case === "expireObjects") {
            const value = { code: RefusalCode.MAINTENANCE };
            return create(CommandResultSchema, { result: { case: "refusal", value } });
          }
          return await metadata.submit(command, options);
        },
      },
    });
    await expect(held.run()).rejects.toThrow("MAINTENANCE");
    isOff = false;
    expect(await held.run()).toBe(1);
    expect(await keys()).toEqual([]);
  });

  it("decides on the rows as they are when its command is applied", async () => {
    await put("a");
    await put("b");
    await rules(rule({ expiration: { kind: "date", dateMs: 0 } }));
    const { metadata } = node;
    const racing = make({
      metadata: {
        view: metadata.view,
        barrier: () => metadata.barrier(),
        submit: async (command, options) => {
          if (command.case === "expireObjects") await put("a");
          return await metadata.submit(command, options);
        },
      },
    });
    expect(await racing.run()).toBe(1);
    expect(await keys()).toEqual(["a"]);
  });
});
