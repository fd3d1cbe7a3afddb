/** Of the promise: a program that uses MinIO's library for JavaScript changes its endpoint and nothing else. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { fromNpm } from "../support/client-cache.ts";
import { run } from "../support/program.ts";

const modules = fromNpm("minio", ["minio@8.0.7"]);

describe.skipIf(modules === undefined)("MinIO's library", { timeout: 120_000 }, () => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry();
  });

  afterAll(() => skerry?.stop());

  it("stores, reads, copies, lists, signs URLs and forms, tags and removes", async () => {
    const { accessKeyId, secretAccessKey } = skerry.credentials;
    const program = join(import.meta.dirname, "minio-client.mjs");
    const ended = await run(process.execPath, [
      program,
      modules ?? "",
      skerry.s3Endpoint,
      accessKeyId,
      secretAccessKey,
    ]);
    expect([ended.exitCode, ended.stderr]).toEqual([0, ""]);
    expect(ended.stdout.toString()).toContain("all is as it should be");
  });
});
