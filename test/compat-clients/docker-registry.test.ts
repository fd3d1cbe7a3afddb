/** Of the promise: a container registry keeps its images in a bucket: uploads that grow in pieces, moves, ranges, lists and removals. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePorts } from "../../src/platform/node/index.ts";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { fromDebian } from "../support/client-cache.ts";
import { isLeftToCompat } from "../support/clients.ts";
import { contentOf } from "../support/content.ts";
import { Running } from "../support/program.ts";

const MiB = 1024 * 1024;
const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const bin = isLeftToCompat("docker-registry") ? undefined : fromDebian("docker-registry");
const directory = mkdtempSync(join(tmpdir(), "skerry-registry-"));

describe.skipIf(bin === undefined)("docker-registry", { timeout: 120_000 }, () => {
  let skerry: Skerry;
  let registry: Running;
  let endpoint = "";

  beforeAll(async () => {
    skerry = await startSkerry({ buckets: ["images"] });
    const [port = 0] = await freePorts(1);
    endpoint = `http://127.0.0.1:${port}`;
    const configuration = join(directory, "config.yml");
    writeFileSync(configuration, configurationOf(skerry, port));
    registry = new Running(
      spawn(join(bin ?? "", "docker-registry"), ["serve", configuration], { env: cleanEnvironment() }),
    );
    await registry.says("listening on");
  });

  afterAll(async () => {
    registry?.child.kill();
    await registry?.ended;
    await skerry?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function push(content: Buffer, pieceBytes: number): Promise<string> {
    const begun = await fetch(`${endpoint}/v2/sea/blobs/uploads/`, { method: "POST" });
    expect(begun.status).toBe(202);
    let location = begun.headers.get("location") ?? "";
    for (let at = 0; at < content.length; at += pieceBytes) {
      const piece = content.subarray(at, at + pieceBytes);
      const range = `${at}-${at + piece.length - 1}`;
      const headers = { "content-type": "application/octet-stream", "content-range": range };
      const sent = await fetch(location, { method: "PATCH", headers, body: Uint8Array.from(piece) });
      expect(sent.status, registry.output.slice(-2000)).toBe(202);
      location = sent.headers.get("location") ?? "";
    }
    const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    const joint = location.includes("?") ? "&" : "?";
    const done = await fetch(`${location}${joint}digest=${digest}`, { method: "PUT" });
    expect(done.status, registry.output.slice(-2000)).toBe(201);
    return digest;
  }

  it("takes an image in pieces and gives it back", async () => {
    const layer = contentOf("layer", 23 * MiB + 7);
    const settings = contentOf("settings", 1500);
    const layerDigest = await push(layer, 6 * MiB);
    const settingsDigest = await push(settings, 1500);
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: {
        mediaType: "application/vnd.docker.container.image.v1+json",
        size: settings.length,
        digest: settingsDigest,
      },
      layers: [
        {
          mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
          size: layer.length,
          digest: layerDigest,
        },
      ],
    });
    const headers = { "content-type": MANIFEST };
    const put = await fetch(`${endpoint}/v2/sea/manifests/north`, { method: "PUT", headers, body: manifest });
    expect(put.status, registry.output.slice(-2000)).toBe(201);

    const got = await fetch(`${endpoint}/v2/sea/manifests/north`, { headers: { accept: MANIFEST } });
    expect(await got.text()).toBe(manifest);
    const pulled = await fetch(`${endpoint}/v2/sea/blobs/${layerDigest}`);
    expect(Buffer.from(await pulled.arrayBuffer()).equals(layer)).toBe(true);
    const part = await fetch(`${endpoint}/v2/sea/blobs/${layerDigest}`, {
      headers: { range: "bytes=1000-1999" },
    });
    expect(Buffer.from(await part.arrayBuffer()).equals(layer.subarray(1000, 2000))).toBe(true);
    const tags = await fetch(`${endpoint}/v2/sea/tags/list`);
    expect(await tags.json()).toEqual({ name: "sea", tags: ["north"] });
    const catalog = await fetch(`${endpoint}/v2/_catalog`);
    expect(await catalog.json()).toEqual({ repositories: ["sea"] });
    const removed = await fetch(`${endpoint}/v2/sea/manifests/${put.headers.get("docker-content-digest")}`, {
      method: "DELETE",
    });
    expect(removed.status).toBe(202);
    expect(
      (await fetch(`${endpoint}/v2/sea/manifests/north`, { headers: { accept: MANIFEST } })).status,
    ).toBe(404);
  });
});

function configurationOf({ s3Endpoint, credentials, region }: Skerry, port: number): string {
  return `version: 0.1
log: { level: info }
storage:
  s3:
    accesskey: ${credentials.accessKeyId}
    secretkey: ${credentials.secretAccessKey}
    region: ${region}
    regionendpoint: ${s3Endpoint}
    bucket: images
    secure: false
    v4auth: true
    chunksize: 5242880
    rootdirectory: /registry
  delete: { enabled: true }
  redirect: { disable: true }
http: { addr: "127.0.0.1:${port}" }
`;
}
