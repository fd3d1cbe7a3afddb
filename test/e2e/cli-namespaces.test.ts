/** Of the promise: what `skerry ns export` writes is what `skerry ns upsert` reads; and a run that ends early says what is durable, and why it ended. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { skerry } from "../support/program.ts";

const directory = mkdtempSync(join(tmpdir(), "skerry-cli-ns-"));
let node: Skerry;

beforeAll(async () => {
  node = await startSkerry({ buckets: ["full"] });
});

afterAll(async () => {
  await node?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function say(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await skerry(args, {
    cwd: directory,
    env: { SKERRY_ENDPOINT: node.apiEndpoint, SKERRY_API_KEY: node.apiKey },
  });
  return { exitCode, stdout: stdout.toString(), stderr };
}

async function done(...args: readonly string[]): Promise<string> {
  const said = await say(...args);
  expect(said, args.join(" ")).toMatchObject({ exitCode: 0 });
  return said.stdout;
}

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const SCHEMA = '{"attributes":{"n":"int"},"text":{"t":{}}}';

describe("documents in files", () => {
  it("are the same when they come back, with every digit and every character", async () => {
    const lines = [
      '{"id":1,"text":{"t":"one\u2028two\u2029"},"attributes":{"n":9007199254740993}}',
      '{"id":9007199254740993,"attributes":{"n":9223372036854775807}}',
      '{"id":18446744073709551615,"attributes":{"n":-9223372036854775808}}',
      '{"id":"18446744073709551615"}',
    ];
    await done("ns", "create", "acme/web/from", "--schema", SCHEMA);
    await done("ns", "create", "acme/web/to", "--schema", SCHEMA);
    const mark = "\ufeff";
    await done("ns", "upsert", "acme/web/from", file("from.ndjson", `${mark}${lines.join("\r\n")}\r\n\n`));
    const exported = await done("ns", "export", "acme/web/from");
    expect(exported.trimEnd().split("\n").sort()).toEqual([...lines].sort());
    await done("ns", "upsert", "acme/web/to", file("exported.ndjson", exported));
    expect(await done("ns", "export", "acme/web/to")).toBe(exported);
    const query = '{"filter":["n","Eq",9223372036854775807]}';
    expect(await done("ns", "query", "acme/web/to", query)).toContain('"id":9007199254740993,');
  });

  it.each([
    ["is not JSON", '{"id":', "bad.ndjson, line 8 is not JSON"],
    ["is no object", "7", "bad.ndjson, line 8 is not a JSON object"],
    [
      "has a number that there is not",
      '{"id":"x","attributes":{"n":1e999}}',
      "bad.ndjson, line 8: attributes.n: Infinity",
    ],
    ["does not fit", '{"id":"x","attributes":{"n":"y"}}', 'bad.ndjson, line 8: attributes.n: "y" is no int'],
  ])("end at the line that %s, with those before it", async (_, bad, message) => {
    await done("ns", "create", "acme/web/partly", "--schema", SCHEMA);
    // Line 3 is empty. Batches of two: ids 0 to 3 of lines 1 to 5, 4 and 5 of lines 6 and 7.
    const good = Array.from({ length: 6 }, (_unused, id) => JSON.stringify({ id }));
    file("bad.ndjson", [...good.slice(0, 2), "", ...good.slice(2), bad, '{"id":"after"}'].join("\n"));
    const said = await say("ns", "upsert", "acme/web/partly", "bad.ndjson", "--batch", "2");
    expect(said).toMatchObject({ exitCode: 2, stdout: "" });
    expect(said.stderr).toContain(`skerry: ${message}`);
    expect(said.stderr).toContain("\n  6 documents are durable;");
    expect(said.stderr).not.toMatch(/\bat .*\.[jt]s:\d/);
    expect((await done("ns", "export", "acme/web/partly")).match(/"id"/g)).toHaveLength(6);
  });

  it("that cannot be read say why", async () => {
    await done("ns", "create", "acme/web/unread");
    const upsert = (path: string) => say("ns", "upsert", "acme/web/unread", path);
    expect(await upsert("nothing")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("there is no file nothing"),
    });
    const folder = await upsert(".");
    expect(folder).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(". cannot be read: EISDIR"),
    });
    expect(folder.stderr).not.toContain("Error:");
  });
});

describe("refusals", () => {
  it("5: what is there already, or has another schema, or is over a quota", async () => {
    await done("ns", "create", "acme/web/one", "--schema", '{"attributes":{"n":"int"}}');
    await done("ns", "create", "acme/web/two");
    for (const args of [
      ["branch", "acme/web/one", "two"],
      ["copy", "acme/web/one", "two"],
      ["create", "acme/web/one", "--schema", '{"attributes":{"n":"string"}}'],
    ])
      expect(await say("ns", ...args), args.join(" ")).toMatchObject({ exitCode: 5 });
    await done("ns", "quota", "small", "--max-namespaces", "1");
    await done("ns", "create", "small/web/one");
    expect(await say("ns", "create", "small/web/two")).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("quota"),
    });
  });

  it("2: an endpoint that is not the API of a node", async () => {
    for (const endpoint of [node.s3Endpoint, node.apiEndpoint.replace("http:", "https:")]) {
      const said = await say("ns", "get", "acme/web/one", "--endpoint", endpoint);
      expect(said, endpoint).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining("the endpoint is not the API of a node"),
      });
    }
  });

  it("2: names and words that are none, and nothing is asked for in their place", async () => {
    for (const args of [
      ["ns", "quota", "acme/..", "--max-documents", "5"],
      ["ns", "list", "--project", "acme"],
      ["ns", "list", "--project", "a/b/c"],
      ["ns", "get", ""],
      ["ns", "get", "UPPER"],
      ["key", "create", "--kind", "constructor"],
      ["key", "create", "--kind", "api", "--role", "toString"],
    ])
      expect(await say(...args), args.join(" ")).toMatchObject({ exitCode: 2, stdout: "" });
    expect(JSON.parse(await done("ns", "quota", "acme", "--output", "json"))).toMatchObject({
      max_documents: 0,
    });
  });

  it("5: a bucket that is not empty says what it still has", async () => {
    await done("object", "cp", file("thing", "thing"), "s3://full/thing");
    expect(await say("bucket", "delete", "full")).toMatchObject({
      exitCode: 5,
      stderr: "skerry: the bucket still has objects\n",
    });
  });
});

it("the script for a shell has the commands of every family", async () => {
  const script = await done("completion", "bash");
  for (const path of ["dev", "cluster join-token", "key rotate", "object cp", "ns store show"])
    expect(script).toContain(`|" ${path}"`);
  expect(await say("completion", "tcsh")).toMatchObject({ exitCode: 2, stdout: "" });
});
