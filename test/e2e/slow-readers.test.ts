/** Of the promise: bytes are verified and never mixed up, however slowly a client takes them and whatever the node does with its memory meanwhile. */
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { contentOf, sha256Of } from "../support/content.ts";

const MiB = 1024 * 1024;
const OBJECTS = 4;
const READERS_OF_EACH = 3;
const SIZE_BYTES = 9 * MiB + 17;

let skerry: Skerry;
let client: S3Client;

beforeAll(async () => {
  skerry = await startSkerry({ buckets: ["bucket"] });
  client = new S3Client({
    endpoint: skerry.s3Endpoint,
    region: skerry.region,
    forcePathStyle: true,
    credentials: skerry.credentials,
    maxAttempts: 1,
  });
});

afterAll(async () => {
  client.destroy();
  await skerry.stop();
});

it("every reader gets the bytes of its object, the slow ones too", async () => {
  const contents = Array.from({ length: OBJECTS }, (_, index) => contentOf(`object ${index}`, SIZE_BYTES));
  for (const [index, Body] of contents.entries())
    await client.send(new PutObjectCommand({ Bucket: "bucket", Key: `k${index}`, Body }));
  const readers = contents.flatMap((_, index) =>
    Array.from({ length: READERS_OF_EACH }, (_, slowness) => readSlowly(`k${index}`, slowness * 5)),
  );
  const found = (await Promise.all(readers)).map(sha256Of);
  expect(found).toEqual(contents.flatMap((content) => Array(READERS_OF_EACH).fill(sha256Of(content))));
});

/** Takes the body in small pieces, with a rest of so many milliseconds each few hundred kilobytes. */
async function readSlowly(Key: string, restMs: number): Promise<Uint8Array> {
  const answer = await client.send(new GetObjectCommand({ Bucket: "bucket", Key }));
  const pieces: Uint8Array[] = [];
  let sinceRest = 0;
  for await (const piece of answer.Body as AsyncIterable<Uint8Array>) {
    pieces.push(Uint8Array.from(piece));
    sinceRest += piece.length;
    if (restMs > 0 && sinceRest > 256 * 1024) {
      sinceRest = 0;
      await new Promise((wake) => setTimeout(wake, restMs));
    }
  }
  return Buffer.concat(pieces);
}
