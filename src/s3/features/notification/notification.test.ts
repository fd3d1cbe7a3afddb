/** The promise: rules are kept as they were written, name only destinations that the operator has declared, and only events that are told. */
import {
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readNotifications } from "../../../object/index.ts";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, type Rig, startRig, WRITER } from "../../testing/rig.ts";

const Bucket = "telling";
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig({ notificationDestinations: ["hook", "other"] });
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const put = (configuration: NotificationConfiguration) =>
  s3.send(
    new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: configuration }),
  );
const get = async () => {
  const { $metadata: _, ...configuration } = await s3.send(
    new GetBucketNotificationConfigurationCommand({ Bucket }),
  );
  return configuration;
};
const document = (...rules: readonly string[]) =>
  `<NotificationConfiguration>${rules.join("")}</NotificationConfiguration>`;
const queue = (inside: string, arn = "arn:aws:sqs:us-east-1:1:hook", id = "") =>
  `<QueueConfiguration>${id}<Queue>${arn}</Queue>${inside}</QueueConfiguration>`;
const event = (name: string) => `<Event>${name}</Event>`;
const created = event("s3:ObjectCreated:*");
const filter = (...rules: readonly (readonly [string, string])[]) =>
  `<Filter><S3Key>${rules.map(([name, value]) => `<FilterRule><Name>${name}</Name><Value>${value}</Value></FilterRule>`).join("")}</S3Key></Filter>`;

describe("the notifications of a bucket", () => {
  it("are none at first, then those that were put last, then none again", async () => {
    expect(await get()).toEqual({});
    await put({
      TopicConfigurations: [
        { Id: "t", TopicArn: "arn:aws:sns:us-east-1:1:other", Events: ["s3:ObjectAcl:Put"] },
      ],
    });
    const configuration: NotificationConfiguration = {
      QueueConfigurations: [
        {
          Id: "q",
          QueueArn: "arn:aws:sqs:::hook",
          Events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
          Filter: {
            Key: {
              FilterRules: [
                { Name: "prefix", Value: "größe/" },
                { Name: "suffix", Value: ".txt" },
              ],
            },
          },
        },
      ],
      LambdaFunctionConfigurations: [
        {
          Id: "f",
          LambdaFunctionArn: "arn:aws:lambda:us-east-1:1:function:other",
          Events: ["s3:LifecycleExpiration:*"],
        },
      ],
    };
    await put(configuration);
    expect(await get()).toEqual(configuration);
    await put({});
    expect(await get()).toEqual({});
  });

  it("go on as they are where they are put again with others", async () => {
    const kept = { Id: "q", QueueArn: "arn:aws:sqs:::hook", Events: ["s3:ObjectCreated:*" as const] };
    const added = { Id: "t", TopicArn: "arn:aws:sns:::other", Events: ["s3:ObjectAcl:Put" as const] };
    const stored = async () => {
      const found = await rig.store.getBucketConfiguration({ bucket: Bucket, kind: "notification" });
      return { revision: String(found?.revision), rules: found && readNotifications(found).rules };
    };
    await put({ QueueConfigurations: [kept] });
    const { revision } = await stored();
    await put({ QueueConfigurations: [kept], TopicConfigurations: [added] });
    const { rules } = await stored();
    expect(rules?.map(({ id, since }) => [id, since])).toEqual(
      expect.arrayContaining([
        ["q", revision],
        ["t", undefined],
      ]),
    );
    expect(await get()).toEqual({ QueueConfigurations: [kept], TopicConfigurations: [added] });
    await put({});
  });

  it("may share an event where they share no key", async () => {
    const two = document(
      queue(created + filter(["Prefix", "a/"])),
      queue(created + filter(["Prefix", "b/"]), "arn:aws:sqs:us-east-1:1:other"),
    );
    const request = { method: "PUT", target: `/${Bucket}?notification`, body: two, credentials: ADMIN };
    expect((await sendRaw(rig, request)).status).toBe(200);
    const ids = (await get()).QueueConfigurations?.map(({ Id }) => Id) ?? [];
    expect(new Set(ids).size).toBe(2);
  });

  it.each<[string, string, string]>([
    ["a destination that nobody declared", document(queue(created, "arn:aws:sqs:::else")), "InvalidArgument"],
    ["an address", document(queue(created, "http://169.254.169.254/")), "InvalidArgument"],
    ["no destination", document(`<QueueConfiguration>${created}</QueueConfiguration>`), "InvalidArgument"],
    ["no event", document(queue("")), "MalformedXML"],
    ["an event that is never told", document(queue(event("s3:ObjectRestore:Post"))), "NotImplemented"],
    ["an event that nobody knows", document(queue(event("s3:ObjectPainted:*"))), "InvalidArgument"],
    ["every event", document(queue(event("s3:*"))), "InvalidArgument"],
    ["another name of a filter", document(queue(created + filter(["infix", "a"]))), "InvalidArgument"],
    ["two prefixes", document(queue(created + filter(["prefix", "a"], ["Prefix", "b"]))), "InvalidArgument"],
    ["a long filter", document(queue(created + filter(["prefix", "a".repeat(1025)]))), "InvalidArgument"],
    [
      "an event for two",
      document(queue(created), queue(event("s3:ObjectCreated:Put"), "arn:aws:sqs:::other")),
      "InvalidArgument",
    ],
    [
      "an id twice",
      document(
        queue(created, undefined, "<Id>a</Id>"),
        queue(event("s3:ObjectAcl:Put"), undefined, "<Id>a</Id>"),
      ),
      "InvalidArgument",
    ],
    ["an event bridge", document("<EventBridgeConfiguration/>"), "NotImplemented"],
    ["an element that nobody knows", document(queue(`${created}<Colour/>`)), "MalformedXML"],
    ["another document", "<CORSConfiguration/>", "MalformedXML"],
  ])("are refused with %s", async (_, body, code) => {
    const request = { method: "PUT", target: `/${Bucket}?notification`, body };
    expect(errorCodeOf(await sendRaw(rig, { ...request, credentials: ADMIN }))).toBe(code);
    expect(errorCodeOf(await sendRaw(rig, { ...request, credentials: WRITER }))).toBe("AccessDenied");
  });

  it("of a bucket that is not there are missing", async () => {
    const missing = new GetBucketNotificationConfigurationCommand({ Bucket: "missing" });
    expect((await failureOf(s3.send(missing))).name).toBe("NoSuchBucket");
  });
});
