/** The promise: the requests on a bucket are in its log in S3's form, where its owner wants them and the target allows it, and nowhere else. */
import {
  CreateBucketCommand,
  GetBucketLoggingCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type LoggingEnabled,
  PutBucketLoggingCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountIdOf } from "../../../access/index.ts";
import { NodeRandom } from "../../../platform/node/index.ts";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, OTHER, type Rig, startRig, WRITER } from "../../testing/rig.ts";
import { AccessLogs } from "./delivery.ts";
import { logKey } from "./document.ts";
import { mayDeliver } from "./permission.ts";
import { formatRecord, type LoggedRequest } from "./record.ts";
import { AccessLogRecorder } from "./recorder.ts";

const Bucket = "watched";
const TARGET = "logs";
const OWNER_ID = "a".repeat(64);
const NOON = Date.parse("2024-01-15T12:00:00Z");
const signal = new AbortController().signal;
let rig: Rig;
let logs: AccessLogs;
let s3: S3Client;
const outcomes: string[] = [];

function accessLogs(bufferBytes = 1_000_000): AccessLogs {
  return new AccessLogs({
    store: rig.store,
    // A midnight in between would make two batches.
    clock: { wallMs: () => NOON },
    random: new NodeRandom(),
    region: "us-east-1",
    intervalMs: 1000,
    bufferBytes,
    onRecords: (outcome, count) => outcomes.push(`${outcome} ${count}`),
  });
}

beforeAll(async () => {
  rig = await startRig({
    hooks: {
      onRequest: (event, exchange) =>
        new AccessLogRecorder({
          store: rig.store,
          clock: { wallMs: () => NOON },
          hostId: "node-1",
          take: (record) => logs.take(record),
        }).note(event, exchange),
      onUnexpectedError: (error) => rig.unexpected.push(error),
    },
  });
  logs = accessLogs();
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new CreateBucketCommand({ Bucket: TARGET }));
  const other = clientOf(rig, OTHER);
  await other.send(new CreateBucketCommand({ Bucket: "of-another" }));
  other.destroy();
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

function allow(prefix: string, sourceArn = `arn:aws:s3:::${Bucket}`) {
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: "logging.s3.amazonaws.com" },
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${TARGET}/${prefix}*`,
        Condition: {
          ArnLike: { "aws:SourceArn": sourceArn },
          StringEquals: { "aws:SourceAccount": accountIdOf(OWNER_ID) },
        },
      },
    ],
  });
  return s3.send(new PutBucketPolicyCommand({ Bucket: TARGET, Policy }));
}

const put = (LoggingEnabled?: LoggingEnabled) =>
  s3.send(
    new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: LoggingEnabled ? { LoggingEnabled } : {} }),
  );
const get = async () => (await s3.send(new GetBucketLoggingCommand({ Bucket }))).LoggingEnabled;
const enabled = { TargetBucket: TARGET, TargetPrefix: "log/" };
const keys = async () =>
  ((await s3.send(new ListObjectsV2Command({ Bucket: TARGET }))).Contents ?? []).map(({ Key }) => Key ?? "");

describe("the logging of a bucket", () => {
  it("is off at first, then as it was put, then off again", async () => {
    expect(await get()).toBeUndefined();
    await allow("log/");
    await put(enabled);
    expect(await get()).toEqual(enabled);
    for (const TargetObjectKeyFormat of [
      { SimplePrefix: {} },
      { PartitionedPrefix: { PartitionDateSource: "EventTime" as const } },
      { PartitionedPrefix: { PartitionDateSource: "DeliveryTime" as const } },
    ]) {
      await put({ ...enabled, TargetObjectKeyFormat });
      expect(await get()).toEqual({ ...enabled, TargetObjectKeyFormat });
    }
    await put();
    expect(await get()).toBeUndefined();
  });

  it("is refused where it could not be delivered", async () => {
    const refused = { name: "InvalidTargetBucketForLogging", status: 400 };
    await allow("log/");
    expect(await failureOf(put({ ...enabled, TargetBucket: "missing" }))).toEqual(refused);
    expect(await failureOf(put({ ...enabled, TargetBucket: "of-another" }))).toEqual(refused);
    expect(await failureOf(put({ ...enabled, TargetPrefix: "elsewhere/" }))).toEqual(refused);
    await allow("log/", "arn:aws:s3:::another-source");
    expect(await failureOf(put(enabled))).toEqual(refused);
    expect(await get()).toBeUndefined();
  });

  const xml = (inside: string) => `<BucketLoggingStatus>${inside}</BucketLoggingStatus>`;
  const on = (inside: string) =>
    xml(
      `<LoggingEnabled><TargetBucket>${TARGET}</TargetBucket><TargetPrefix>log/</TargetPrefix>${inside}</LoggingEnabled>`,
    );
  it.each<[string, string, string]>([
    ["no target", xml("<LoggingEnabled><TargetPrefix/></LoggingEnabled>"), "MalformedXML"],
    [
      "no prefix",
      xml(`<LoggingEnabled><TargetBucket>${TARGET}</TargetBucket></LoggingEnabled>`),
      "MalformedXML",
    ],
    ["a format that nobody knows", on("<TargetObjectKeyFormat/>"), "MalformedXML"],
    [
      "a date that nobody knows",
      on(
        "<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>Never</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>",
      ),
      "MalformedXML",
    ],
    ["grants", on("<TargetGrants><Grant/></TargetGrants>"), "NotImplemented"],
    ["an element that nobody knows", on("<LoggingType>Journal</LoggingType>"), "MalformedXML"],
  ])("is refused with %s", async (_, body, code) => {
    const request = { method: "PUT", target: `/${Bucket}?logging`, body };
    expect(errorCodeOf(await sendRaw(rig, { ...request, credentials: ADMIN }))).toBe(code);
    expect(errorCodeOf(await sendRaw(rig, { ...request, credentials: WRITER }))).toBe("AccessDenied");
  });
});

describe("delivery", () => {
  it("puts the records of a bucket's requests into its target, each once", async () => {
    await allow("log/");
    await logs.runUnit(signal);
    const before = await keys();
    outcomes.length = 0;
    await put(enabled);
    await s3.send(new PutObjectCommand({ Bucket, Key: "a key", Body: "12345" }));
    await (
      await s3.send(new GetObjectCommand({ Bucket, Key: "a key", Range: "bytes=1-2" }))
    ).Body?.transformToString();
    expect((await failureOf(s3.send(new HeadObjectCommand({ Bucket, Key: "missing" })))).status).toBe(404);
    await s3.send(new ListObjectsV2Command({ Bucket: TARGET }));
    await logs.runUnit(signal);
    await logs.runUnit(signal);
    expect(logs.heldBytes).toBe(0);
    const [key = "", ...more] = (await keys()).filter((name) => !before.includes(name));
    expect(more).toEqual([]);
    expect(key).toMatch(/^log\/\d{4}(-\d\d){5}-[0-9A-F]{16}$/);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: TARGET, Key: key }));
    const lines = ((await Body?.transformToString()) ?? "").trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ").slice(7, 14).join(" "))).toEqual([
      'REST.PUT.LOGGING_STATUS - "PUT /watched/?logging= HTTP/1.1" 200 -',
      'REST.PUT.OBJECT a%2520key "PUT /watched/a%20key?x-id=PutObject HTTP/1.1" 200 -',
      'REST.GET.OBJECT a%2520key "GET /watched/a%20key?x-id=GetObject HTTP/1.1" 206 -',
      'REST.HEAD.OBJECT missing "HEAD /watched/missing HTTP/1.1" 404 NoSuchKey',
    ]);
    expect(lines[2]).toMatch(/ 206 - 2 5 \d+ \d+ "-" "aws-sdk-js/);
    expect(lines.every((line) => line.startsWith(`${OWNER_ID} ${Bucket} [`))).toBe(true);
    expect(outcomes).toEqual(["delivered 4"]);
  });

  it("stops when the target does not allow it any more, and says so", async () => {
    outcomes.length = 0;
    await allow("elsewhere/");
    await s3.send(new PutObjectCommand({ Bucket, Key: "b", Body: "1" }));
    const before = await keys();
    await logs.runUnit(signal);
    expect(await keys()).toEqual(before);
    expect(outcomes).toEqual(["refused 1"]);
  });

  it("tries again when the target could not be written, without losing or repeating a record", async () => {
    outcomes.length = 0;
    await allow("log/");
    await s3.send(new PutObjectCommand({ Bucket, Key: "c", Body: "1" }));
    const broken = new Error("no");
    const { putObject } = rig.store;
    rig.store.putObject = () => Promise.reject(broken);
    const failed = logs.runUnit(signal);
    await expect(failed)
      .rejects.toBe(broken)
      .finally(() => {
        rig.store.putObject = putObject;
      });
    expect(logs.heldBytes).toBeGreaterThan(0);
    await logs.runUnit(signal);
    expect(outcomes).toEqual(["delivered 1"]);
    expect(logs.heldBytes).toBe(0);
  });

  it("writes the same object again when nobody knows whether it was written", async () => {
    await allow("log/");
    const before = await keys();
    await s3.send(new PutObjectCommand({ Bucket, Key: "d", Body: "1" }));
    const { putObject } = rig.store;
    rig.store.putObject = async (request) => {
      await putObject(request);
      throw new Error("the answer was lost");
    };
    await expect(logs.runUnit(signal))
      .rejects.toThrow("the answer was lost")
      .finally(() => {
        rig.store.putObject = putObject;
      });
    expect((await keys()).length).toBe(before.length + 1);
    await logs.runUnit(signal);
    expect((await keys()).length).toBe(before.length + 1);
  });

  it("holds no more than it may", async () => {
    outcomes.length = 0;
    await put(enabled);
    const whole = logs;
    logs = accessLogs(300);
    for (const Key of ["1", "2", "3"]) await s3.send(new PutObjectCommand({ Bucket, Key, Body: "1" }));
    expect(logs.heldBytes).toBeLessThanOrEqual(300);
    expect(outcomes.filter((outcome) => outcome === "dropped 1").length).toBeGreaterThanOrEqual(2);
    logs = whole;
  });
});

describe("a record", () => {
  const request: LoggedRequest = {
    bucketOwnerId: "owner",
    bucket: "b",
    timeMs: Date.parse("2019-02-06T00:00:38Z"),
    remoteAddress: "192.0.2.3",
    requesterId: undefined,
    requestId: "R",
    operation: "GetBucketVersioning",
    isWebsite: false,
    method: "GET",
    key: undefined,
    target: "/b?versioning",
    status: 200,
    errorCode: undefined,
    bytesSent: 113,
    objectSize: undefined,
    totalMs: 6.7,
    referer: undefined,
    userAgent: "S3Console/0.4",
    versionId: undefined,
    hostId: "node-1",
    host: "s3.example.com",
    secure: true,
    authentication: "header",
  };

  it("is what S3's documentation shows", () => {
    expect(formatRecord(request)).toBe(
      'owner b [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - R REST.GET.VERSIONING - "GET /b?versioning HTTP/1.1" 200 - 113 - 7 7 "-" "S3Console/0.4" - node-1 SigV4 - AuthHeader s3.example.com TLS - -',
    );
  });

  it.each<[string, Partial<LoggedRequest>]>([
    ["quotes", { userAgent: 'a" 200 "b' }],
    ["line breaks", { userAgent: "a\nowner b", referer: "\r\n" }],
    ["spaces in a word", { host: "a b\n" }],
    ["a key with all of them", { key: 'a b"\nc', operation: "GetObject" }],
  ])("cannot be forged with %s", (_, forged) => {
    const line = formatRecord({ ...request, ...forged });
    expect(line).not.toContain("\n");
    expect(line.match(/"/g)).toHaveLength(6);
    expect(line.replace(/"[^"]*"|\[[^\]]*\]/g, "x").split(" ")).toHaveLength(26);
  });
});

describe("where a log goes", () => {
  const source = { bucket: "src", ownerId: OWNER_ID, region: "us-east-1" };
  const time = {
    firstEventMs: Date.parse("2024-01-15T23:59:58Z"),
    deliveryMs: Date.parse("2024-01-16T00:01:02Z"),
  };
  const unique = new Uint8Array(8).fill(0xab);
  it.each([
    [undefined, "p-2024-01-16-00-01-02-ABABABABABABABAB"],
    ["simple", "p-2024-01-16-00-01-02-ABABABABABABABAB"],
    [
      "partitioned-by-delivery",
      `p-${accountIdOf(OWNER_ID)}/us-east-1/src/2024/01/16/2024-01-16-00-01-02-ABABABABABABABAB`,
    ],
    [
      "partitioned-by-event",
      `p-${accountIdOf(OWNER_ID)}/us-east-1/src/2024/01/15/2024-01-15-00-00-00-ABABABABABABABAB`,
    ],
  ] as const)("by %s", (keyFormat, expected) => {
    expect(logKey({ targetBucket: "t", targetPrefix: "p-", keyFormat }, source, time, unique)).toBe(expected);
  });

  it("may be granted to the group LogDelivery, unless lists are switched off", () => {
    const acl = [{ grantee: { kind: "group", group: "LogDelivery" }, permission: "WRITE" }] as const;
    const target = {
      bucket: "t",
      ownerId: OWNER_ID,
      policy: undefined,
      acl,
      publicAccessBlock: {
        blockPublicAcls: false,
        ignorePublicAcls: false,
        blockPublicPolicy: false,
        restrictPublicBuckets: false,
      },
    };
    const asked = (ownership: "ObjectWriter" | "BucketOwnerEnforced") =>
      mayDeliver({ ...target, ownership }, source, "k");
    expect([asked("ObjectWriter"), asked("BucketOwnerEnforced")]).toEqual([true, false]);
  });
});
