/** What a program does with MinIO's library. The folder with the library, the endpoint and the keys come as arguments. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { Readable } from "node:stream";

const [modules, endpoint, accessKey, secretKey] = process.argv.slice(2);
const { Client, CopyConditions } = createRequire(`${modules}/`)("minio");
const { hostname: endPoint, port } = new URL(endpoint);
const client = new Client({
  endPoint,
  port: Number(port),
  useSSL: false,
  accessKey,
  secretKey,
  partSize: 5 * 1024 * 1024,
});

const bucket = "minio-library";
const content = Buffer.alloc(12 * 1024 * 1024 + 1, "skerry ");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function bytesOf(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function listed(prefix, recursive) {
  const names = [];
  for await (const { name, prefix: folder } of client.listObjectsV2(bucket, prefix, recursive))
    names.push(name ?? folder);
  return names.sort();
}

await client.makeBucket(bucket);
assert.equal(await client.bucketExists(bucket), true);
assert.equal(await client.bucketExists("not-there"), false);

await client.putObject(bucket, "small/ü und ö", Buffer.from("hello"), 5, {
  "Content-Type": "text/plain",
  "X-Amz-Meta-Tide": "low",
});
await client.putObject(bucket, "large", Readable.from([content]), content.length);
const stat = await client.statObject(bucket, "small/ü und ö");
assert.deepEqual([stat.size, stat.metaData["content-type"], stat.metaData.tide], [5, "text/plain", "low"]);
assert.equal(sha256(await bytesOf(await client.getObject(bucket, "large"))), sha256(content));
assert.equal(String(await bytesOf(await client.getPartialObject(bucket, "large", 7, 6))), "skerry");

await client.copyObject(bucket, "copied", `/${bucket}/large`, new CopyConditions());
assert.equal((await client.statObject(bucket, "copied")).size, content.length);
assert.deepEqual(await listed("", false), ["copied", "large", "small/"]);
assert.deepEqual(await listed("", true), ["copied", "large", "small/ü und ö"]);

const url = await client.presignedGetObject(bucket, "small/ü und ö", 60);
assert.equal(await (await fetch(url)).text(), "hello");
const form = client.newPostPolicy();
form.setBucket(bucket);
form.setKey("from a form");
form.setExpires(new Date(Date.now() + 60_000));
const { postURL, formData } = await client.presignedPostPolicy(form);
const body = new FormData();
for (const [name, value] of Object.entries(formData)) body.append(name, value);
body.append("file", new Blob(["form"]));
assert.equal((await fetch(postURL, { method: "POST", body })).status, 204);
assert.equal(String(await bytesOf(await client.getObject(bucket, "from a form"))), "form");

// Of buckets, this library takes S3's own answer to PutBucketTagging, 204, for an error.
await client.setObjectTagging(bucket, "large", { sea: "north" });
assert.deepEqual(await client.getObjectTagging(bucket, "large"), [{ Key: "sea", Value: "north" }]);
await client.setBucketVersioning(bucket, { Status: "Enabled" });
assert.equal((await client.getBucketVersioning(bucket)).Status, "Enabled");

await client.removeObjects(bucket, await listed("", true));
assert.deepEqual(await listed("", true), []);
await assert.rejects(client.statObject(bucket, "large"), { code: "NotFound" });
await assert.rejects(client.getObject(bucket, "large"), { code: "NoSuchKey" });
console.log("all is as it should be");
