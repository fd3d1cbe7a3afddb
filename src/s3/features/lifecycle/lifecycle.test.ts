/** The promise: rules are kept exactly as they were written, what S3 would refuse is refused, and nothing is accepted that is never done. */
import {
  CreateBucketCommand,
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, type Rig, startRig, WRITER } from "../../testing/rig.ts";

const Bucket = "ageing";
const DAY_MS = 24 * 60 * 60 * 1000;
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const put = (...Rules: LifecycleRule[]) =>
  s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
const get = () => s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
const putXml = (body: string, more: { credentials?: typeof ADMIN; headers?: Record<string, string> } = {}) =>
  sendRaw(rig, { method: "PUT", target: `/${Bucket}?lifecycle`, body, credentials: ADMIN, ...more });
const document = (...rules: readonly string[]) =>
  `<LifecycleConfiguration>${rules.join("")}</LifecycleConfiguration>`;
const rule = (inside: string, scope = "<Filter/>", id = "") =>
  `<Rule>${id}${scope}<Status>Enabled</Status>${inside}</Rule>`;
const days = (count: number | string) => `<Expiration><Days>${count}</Days></Expiration>`;

describe("a lifecycle configuration", () => {
  it("is none at first, then what was put last, then none again", async () => {
    const missing = { name: "NoSuchLifecycleConfiguration", status: 404 };
    expect(await failureOf(get())).toEqual(missing);
    expect((await s3.send(new DeleteBucketLifecycleCommand({ Bucket }))).$metadata.httpStatusCode).toBe(204);
    await put({ ID: "one", Status: "Enabled", Prefix: "a/", Expiration: { Days: 1 } });
    const rules: LifecycleRule[] = [
      {
        ID: "everything",
        Status: "Enabled",
        Filter: {
          And: {
            Prefix: "größe/",
            Tags: [
              { Key: "k", Value: "v" },
              { Key: "x", Value: "" },
            ],
            ObjectSizeGreaterThan: 0,
            ObjectSizeLessThan: 5_000_000_000,
          },
        },
        Expiration: { Date: new Date("2030-01-01T00:00:00.000Z") },
        NoncurrentVersionExpiration: { NoncurrentDays: 3, NewerNoncurrentVersions: 100 },
      },
      {
        ID: "uploads",
        Status: "Disabled",
        Filter: { Prefix: "" },
        Expiration: { ExpiredObjectDeleteMarker: true },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
      },
      {
        ID: "tag",
        Status: "Enabled",
        Filter: { Tag: { Key: "a", Value: "b" } },
        Expiration: { Days: 36_500 },
      },
      { ID: "large", Status: "Enabled", Filter: { ObjectSizeGreaterThan: 1 }, Expiration: { Days: 2 } },
    ];
    await put(...rules);
    const got = await get();
    expect(got.Rules).toEqual(rules);
    expect(got.TransitionDefaultMinimumObjectSize).toBe("all_storage_classes_128K");
    await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    expect(await failureOf(get())).toEqual(missing);
  });

  it("has the older form too, and rules without an id get one that stays the same", async () => {
    const rules: LifecycleRule[] = [
      { Status: "Enabled", Prefix: "a/", Expiration: { Days: 1 } },
      { Status: "Enabled", Prefix: "b/", Expiration: { Days: 2 } },
    ];
    await put(...rules);
    const first = (await get()).Rules ?? [];
    expect(first.map(({ ID, ...others }) => [typeof ID, others])).toEqual(
      rules.map((one) => ["string", one]),
    );
    expect(first[0]?.ID).not.toBe(first[1]?.ID);
    await put(...rules);
    expect((await get()).Rules).toEqual(first);
  });

  it("keeps what it says of the least size for transitions", async () => {
    const varies = "varies_by_storage_class";
    await s3.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        TransitionDefaultMinimumObjectSize: varies,
        LifecycleConfiguration: { Rules: [{ Status: "Enabled", Filter: {}, Expiration: { Days: 1 } }] },
      }),
    );
    expect((await get()).TransitionDefaultMinimumObjectSize).toBe(varies);
    const header = { "x-amz-transition-default-minimum-object-size": "all" };
    expect(errorCodeOf(await putXml(document(rule(days(1))), { headers: header }))).toBe("InvalidArgument");
  });

  it("is an affair of admins", async () => {
    expect(errorCodeOf(await putXml(document(rule(days(1))), { credentials: WRITER }))).toBe("AccessDenied");
    const request = { method: "DELETE", target: `/${Bucket}?lifecycle`, credentials: WRITER };
    expect(errorCodeOf(await sendRaw(rig, request))).toBe("AccessDenied");
    const elsewhere = { method: "GET", target: "/no-such-bucket?lifecycle", credentials: ADMIN };
    expect(errorCodeOf(await sendRaw(rig, elsewhere))).toBe("NoSuchBucket");
  });

  const noncurrent = (inside: string) =>
    `<NoncurrentVersionExpiration>${inside}</NoncurrentVersionExpiration>`;
  const tag = (key: string, value = "v") => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
  const marker = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
  const abort = (count: number) =>
    `<AbortIncompleteMultipartUpload><DaysAfterInitiation>${count}</DaysAfterInitiation></AbortIncompleteMultipartUpload>`;
  const filter = (inside: string) => `<Filter>${inside}</Filter>`;
  it.each<[string, string, string]>([
    ["no rules", document(), "MalformedXML"],
    ["too many rules", document(...Array.from({ length: 1001 }, () => rule(days(1)))), "MalformedXML"],
    ["no scope", document(rule(days(1), "")), "MalformedXML"],
    ["prefix and filter", document(rule(days(1), "<Prefix/><Filter/>")), "MalformedXML"],
    ["two forms", document(rule(days(1), "<Prefix/>"), rule(days(1))), "InvalidRequest"],
    ["no action", document(rule("")), "InvalidRequest"],
    ["no status", document(`<Rule><Filter/>${days(1)}</Rule>`), "MalformedXML"],
    ["a status in small letters", document(rule(days(1)).replace("Enabled", "enabled")), "MalformedXML"],
    ["a long id", document(rule(days(1), "<Filter/>", `<ID>${"a".repeat(256)}</ID>`)), "InvalidArgument"],
    [
      "an id twice",
      document(rule(days(1), "<Filter/>", "<ID>a</ID>"), rule(days(2), "<Filter/>", "<ID>a</ID>")),
      "InvalidArgument",
    ],
    ["zero days", document(rule(days(0))), "InvalidArgument"],
    ["negative days", document(rule(days(-1))), "InvalidArgument"],
    ["days that are none", document(rule(days("x"))), "MalformedXML"],
    ["an empty expiration", document(rule("<Expiration/>")), "MalformedXML"],
    [
      "days and a date",
      document(rule("<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>")),
      "MalformedXML",
    ],
    [
      "a time of day",
      document(rule("<Expiration><Date>2030-01-01T01:00:00Z</Date></Expiration>")),
      "InvalidArgument",
    ],
    ["no date", document(rule("<Expiration><Date>20300101</Date></Expiration>")), "MalformedXML"],
    [
      "zero noncurrent days",
      document(rule(noncurrent("<NoncurrentDays>0</NoncurrentDays>"))),
      "InvalidArgument",
    ],
    [
      "101 versions to keep",
      document(
        rule(
          noncurrent(
            "<NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions>",
          ),
        ),
      ),
      "InvalidArgument",
    ],
    [
      "versions to keep without days",
      document(rule(noncurrent("<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"))),
      "MalformedXML",
    ],
    ["uploads by tag", document(rule(abort(1), filter(tag("k")))), "InvalidRequest"],
    ["uploads after no days", document(rule(abort(0))), "InvalidArgument"],
    ["markers by tag", document(rule(marker, filter(tag("k")))), "InvalidRequest"],
    [
      "markers by size",
      document(rule(marker, filter("<ObjectSizeLessThan>5</ObjectSizeLessThan>"))),
      "InvalidRequest",
    ],
    ["a tag without a value", document(rule(days(1), filter("<Tag><Key>k</Key></Tag>"))), "MalformedXML"],
    ["a long tag", document(rule(days(1), filter(tag("k".repeat(129))))), "InvalidTag"],
    [
      "a tag twice",
      document(rule(days(1), filter(`<And>${tag("k")}${tag("k", "w")}</And>`))),
      "InvalidRequest",
    ],
    ["an empty And", document(rule(days(1), filter("<And/>"))), "MalformedXML"],
    [
      "sizes that nothing has",
      document(
        rule(
          days(1),
          filter(
            "<And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan></And>",
          ),
        ),
      ),
      "InvalidRequest",
    ],
    [
      "a long prefix",
      document(rule(days(1), filter(`<Prefix>${"a".repeat(1025)}</Prefix>`))),
      "InvalidArgument",
    ],
    [
      "a transition",
      document(rule("<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>")),
      "InvalidStorageClass",
    ],
    [
      "a transition of noncurrent versions",
      document(
        rule(
          "<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>",
        ),
      ),
      "InvalidStorageClass",
    ],
    ["an element that nobody knows", document(rule(`${days(1)}<Colour/>`)), "MalformedXML"],
    ["text for a filter", document(rule(days(1), "<Filter>tmp/</Filter>")), "MalformedXML"],
    ["an attribute for a filter", document(rule(days(1), '<Filter Prefix="tmp/"/>')), "MalformedXML"],
    ["another document", "<CORSConfiguration/>", "MalformedXML"],
  ])("is refused with %s", async (_, body, code) => {
    expect(errorCodeOf(await putXml(body))).toBe(code);
  });
});

describe("x-amz-expiration", () => {
  const nextMidnight = (count: number, fromMs: number) => Math.ceil(fromMs / DAY_MS + count) * DAY_MS;
  const pattern = /^expiry-date="(.+)", rule-id="(.+)"$/;

  it("says when a current version will go, by the rule that comes first", async () => {
    await put(
      { ID: "late", Status: "Enabled", Filter: {}, Expiration: { Days: 9 } },
      { ID: "first rule", Status: "Enabled", Filter: { Prefix: "a/" }, Expiration: { Days: 2 } },
      {
        ID: "tagged",
        Status: "Enabled",
        Filter: { Tag: { Key: "k", Value: "v" } },
        Expiration: { Days: 1 },
      },
    );
    const expirationOf = async (Key: string, Tagging?: string) => {
      const before = Date.now();
      const stored = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "x", Tagging }));
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
      const read = await s3.send(new GetObjectCommand({ Bucket, Key }));
      await read.Body?.transformToByteArray();
      expect([stored.Expiration, read.Expiration]).toEqual([head.Expiration, head.Expiration]);
      const [, date = "", id] = pattern.exec(head.Expiration ?? "") ?? [];
      return { dateMs: Date.parse(date), id, before };
    };
    const cases = [
      ["b", undefined, "late", 9],
      ["a/b", undefined, "first%20rule", 2],
      ["b", "k=v", "tagged", 1],
    ] as const;
    for (const [key, tagging, id, count] of cases) {
      const shown = await expirationOf(key, tagging);
      expect(shown.id).toBe(id);
      // A midnight may pass while this runs.
      expect([nextMidnight(count, shown.before), nextMidnight(count, Date.now())]).toContain(shown.dateMs);
    }
  });

  it("is not there without a rule that would remove it", async () => {
    await put({ Status: "Enabled", Filter: { Prefix: "a/" }, Expiration: { Days: 9 } });
    const stored = await s3.send(new PutObjectCommand({ Bucket, Key: "c", Body: "x" }));
    expect(stored.Expiration).toBeUndefined();
    await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    expect((await s3.send(new HeadObjectCommand({ Bucket, Key: "a/b" }))).Expiration).toBeUndefined();
  });
});
