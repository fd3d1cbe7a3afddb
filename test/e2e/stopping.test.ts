/** Of the promise: a node that stops lets everything that it has accepted come to its end, on all its surfaces at the same time. */
import { request } from "node:http";
import { connect } from "node:net";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, it } from "vitest";
import { ObjectService } from "../../src/gen/skerry/storage/v1/storage_pb.js";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";

/** A PUT whose body is to come; resolves when the node waits for it. */
async function beginPut(skerry: Skerry) {
  const { s3Endpoint: endpoint, region, credentials } = skerry;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const url = await getSignedUrl(client, new PutObjectCommand({ Bucket: "bucket", Key: "s3" }));
  client.destroy();
  const put = request(url, { method: "PUT", headers: { "content-length": "4", expect: "100-continue" } });
  const answered = new Promise<number | undefined>((resolve, reject) => {
    put.on("error", reject).on("response", (answer) => resolve(answer.resume().statusCode));
  });
  answered.catch(() => undefined);
  await new Promise((resolve) => put.once("continue", resolve).flushHeaders());
  return { put, answered };
}

/** An upload over the API whose last byte is to come; resolves when the node has taken the first. */
async function beginUpload({ apiEndpoint, apiKey }: Skerry) {
  const transport = createConnectTransport({ baseUrl: apiEndpoint, httpVersion: "2" });
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  async function* messages() {
    yield { part: { case: "header" as const, value: { bucket: "bucket", key: "api", size: 2n } } };
    yield { part: { case: "data" as const, value: new Uint8Array(1) } };
    begun.resolve();
    await goOn.promise;
    yield { part: { case: "data" as const, value: new Uint8Array(1) } };
  }
  const headers = { authorization: `Bearer ${apiKey}` };
  const answered = createClient(ObjectService, transport).putObject(messages(), { headers });
  answered.catch(() => undefined);
  await begun.promise;
  return { goOn, answered };
}

/** Resolves when nobody listens there any more. */
async function closedDoor(endpoint: string): Promise<void> {
  const { port, hostname } = new URL(endpoint);
  for (let isOpen = true; isOpen; ) {
    isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), hostname);
      socket.once("error", () => resolve(false)).once("connect", () => resolve(true));
      socket.once("connect", () => socket.destroy());
    });
  }
}

it("S3 and the API close their doors together, and answer what is under way", async () => {
  const skerry = await startSkerry({ buckets: ["bucket"] });
  const { put, answered } = await beginPut(skerry);
  const upload = await beginUpload(skerry);
  const stopped = skerry.stop();
  // Neither waits for what the other one has under way.
  await Promise.all([closedDoor(skerry.s3Endpoint), closedDoor(skerry.apiEndpoint)]);
  put.end("body");
  upload.goOn.resolve();
  expect(await answered).toBe(200);
  expect((await upload.answered).object).toMatchObject({ key: "api", size: 2n });
  await stopped;
});
