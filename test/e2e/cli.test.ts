/** Of the promise: every command says what it did, and by its exit code whether it did it; nothing has to be guessed from its text. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePorts } from "../../src/platform/node/index.ts";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { contentOf } from "../support/content.ts";
import { PROGRAM, type RunOptions, run, skerry, startSkerryProgram } from "../support/program.ts";

const directory = mkdtempSync(join(tmpdir(), "skerry-cli-"));
let node: Skerry;

beforeAll(async () => {
  node = await startSkerry({ buckets: ["present"] });
});

afterAll(async () => {
  await node?.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Said {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command against the node, with the root user's key unless `env` says otherwise. */
async function say(args: readonly string[], env: RunOptions["env"] = {}): Promise<Said> {
  const { exitCode, stdout, stderr } = await skerry(args, {
    cwd: directory,
    env: { SKERRY_ENDPOINT: node.apiEndpoint, SKERRY_API_KEY: node.apiKey, ...env },
  });
  return { exitCode, stdout: stdout.toString(), stderr };
}

/** One that must succeed and says nothing of errors; gives what it prints. */
async function done(args: readonly string[], env: RunOptions["env"] = {}): Promise<string> {
  const said = await say(args, env);
  expect(said, `${args.join(" ")}: ${said.stderr}`).toMatchObject({ exitCode: 0 });
  return said.stdout;
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe("buckets", () => {
  it("are made, listed and removed", async () => {
    await done(["bucket", "create", "made"]);
    expect((await done(["bucket", "list"])).split("\n").map((line) => line.split(" ")[0])).toEqual([
      "BUCKET",
      "made",
      "present",
      "",
    ]);
    const rows = (await done(["bucket", "list", "--output", "json"])).trim().split("\n");
    expect(rows.map((row) => (JSON.parse(row) as { name: string }).name)).toEqual(["made", "present"]);
    await done(["bucket", "delete", "made"]);
    expect(await done(["bucket", "list"])).not.toContain("made");
  });

  it("that cannot be made or removed say why", async () => {
    expect(await say(["bucket", "create", "present"])).toMatchObject({ exitCode: 5 });
    expect(await say(["bucket", "create", "Not-A-Name"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("lower-case"),
    });
    expect(await say(["bucket", "delete", "absent"])).toMatchObject({ exitCode: 4 });
    const path = file("one", "1");
    await done(["bucket", "create", "full"]);
    await done(["object", "cp", path, "s3://full/"]);
    expect(await say(["bucket", "delete", "full"])).toMatchObject({ exitCode: 5 });
    await done(["object", "rm", "s3://full/one"]);
    await done(["bucket", "delete", "full"]);
  });
});

describe("objects", () => {
  it.each([0, 1, 3_000_000])("of %d bytes go up, are shown, and come down as they were", async (size) => {
    const body = contentOf(`cli ${size}`, size);
    const path = file(`up-${size}`, body);
    await done(["object", "cp", path, "s3://present/folder/", "--content-type", "text/x-test"]);
    const [row] = (await done(["object", "ls", `s3://present/folder/up-${size}`, "--output", "json"]))
      .trim()
      .split("\n");
    expect(JSON.parse(row ?? "")).toMatchObject({ key: `folder/up-${size}`, size });
    const down = join(directory, `down-${size}`);
    await done(["object", "cp", `s3://present/folder/up-${size}`, down]);
    expect(readFileSync(down).equals(body)).toBe(true);
    const cat = await skerry(["object", "cat", `s3://present/folder/up-${size}`], {
      env: { SKERRY_ENDPOINT: node.apiEndpoint, SKERRY_API_KEY: node.apiKey },
    });
    expect([cat.exitCode, cat.stderr, cat.stdout.equals(body)]).toEqual([0, "", true]);
    await done(["object", "rm", `s3://present/folder/up-${size}`]);
    expect(await say(["object", "cat", `s3://present/folder/up-${size}`])).toMatchObject({
      exitCode: 4,
      stdout: "",
    });
  });

  it("are listed by folder, copied inside the cluster, and removed many at once", async () => {
    const path = file("leaf", "leaf");
    for (const key of ["tree/a", "tree/b/c"]) await done(["object", "cp", path, `s3://present/${key}`]);
    await done(["object", "cp", "s3://present/tree/a", "s3://present/tree/copies/"]);
    const keys = async (...more: string[]) =>
      (await done(["object", "ls", "s3://present/tree/", ...more]))
        .split("\n")
        .slice(1, -1)
        .map((line) => line.trim().split(/\s+/).at(-1));
    expect((await keys()).sort()).toEqual(["tree/a", "tree/b/", "tree/copies/"]);
    expect(await keys("--recursive")).toEqual(["tree/a", "tree/b/c", "tree/copies/a"]);
    expect(await done(["object", "cat", "s3://present/tree/copies/a"])).toBe("leaf");
    const all = ["tree/a", "tree/b/c", "tree/copies/a", "tree/never"].map((key) => `s3://present/${key}`);
    await done(["object", "rm", ...all]);
    expect(await keys("--recursive")).toEqual([]);
  });

  it("that are not there leave no file behind", async () => {
    mkdirSync(join(directory, "empty"));
    expect(await say(["object", "cp", "s3://present/none", join(directory, "empty/none")])).toMatchObject({
      exitCode: 4,
    });
    expect(readdirSync(join(directory, "empty"))).toEqual([]);
    expect(await say(["object", "cp", join(directory, "no-such-file"), "s3://present/x"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("no-such-file"),
    });
    expect(await say(["object", "cp", "here", "there"])).toMatchObject({ exitCode: 2 });
    expect(await say(["object", "cat", "present/none"])).toMatchObject({ exitCode: 2 });
  });
});

describe("targets of a download", () => {
  const body = contentOf("cli target", 300_000);
  beforeAll(() => done(["object", "cp", file("target-source", body), "s3://present/target"]));

  it("that are files are replaced, also behind a link, and keep their permissions", async () => {
    const real = file("real", "before");
    chmodSync(real, 0o600);
    const link = join(directory, "link");
    symlinkSync(real, link);
    await done(["object", "cp", "s3://present/target", link]);
    expect(readFileSync(real).equals(body)).toBe(true);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(statSync(real).mode & 0o777).toBe(0o600);
  });

  it("that are pipes or devices are written into and stay what they are", async () => {
    const pipe = join(directory, "pipe");
    expect((await run("mkfifo", [pipe])).exitCode).toBe(0);
    const reader = run("cat", [pipe]);
    await done(["object", "cp", "s3://present/target", pipe]);
    expect((await reader).stdout.equals(body)).toBe(true);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    const link = join(directory, "null");
    symlinkSync("/dev/null", link);
    await done(["object", "cp", "s3://present/target", link]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  it("that cannot be written are named, without a stack", async () => {
    const plain = file("plain", "");
    const dangling = join(directory, "dangling");
    symlinkSync(join(directory, "nothing"), dangling);
    for (const target of [join(directory, "missing/x"), join(plain, "x"), dangling, "/dev/full"]) {
      const said = await say(["object", "cp", "s3://present/target", target]);
      expect(said).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(target) });
      expect(said.stderr).not.toContain("    at ");
    }
    expect(lstatSync(dangling).isSymbolicLink()).toBe(true);
    const full = await run("sh", [
      "-c",
      `SKERRY_ENDPOINT=${node.apiEndpoint} SKERRY_API_KEY=${node.apiKey} ${process.execPath} ${PROGRAM} object cat s3://present/target > /dev/full`,
    ]);
    expect(full).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("standard output") });
    expect(full.stderr).not.toContain("    at ");
  });

  it("are no sources unless they are files", async () => {
    for (const source of ["/dev/stdin", directory]) {
      expect(await say(["object", "cp", source, "s3://present/from-a-pipe"])).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining("not a regular file"),
      });
    }
  });
});

describe("keys", () => {
  it("are made, work within their limits, are listed without secrets, and stop working", async () => {
    const made = JSON.parse(
      await done(["key", "create", "--kind", "api", "--role", "reader", "--output", "json"]),
    ) as { keyId: string; secret: string };
    const asReader = { SKERRY_API_KEY: made.secret };
    expect(await done(["bucket", "list"], asReader)).toContain("present");
    expect(await say(["bucket", "create", "by-reader"], asReader)).toMatchObject({ exitCode: 5 });
    expect(await say(["key", "create"], asReader)).toMatchObject({ exitCode: 5 });
    const listed = await done(["key", "list"]);
    expect(listed).toContain(made.keyId);
    expect(listed).not.toContain(made.secret);
    await done(["key", "revoke", made.keyId]);
    expect(await say(["bucket", "list"], asReader)).toMatchObject({ exitCode: 5, stdout: "" });
    expect(await done(["key", "list"])).not.toContain(made.keyId);
    expect(await say(["key", "revoke", made.keyId])).toMatchObject({ exitCode: 4 });
  });

  it("for S3 work at the gateway until they are taken back", async () => {
    const { keyId, secret } = JSON.parse(await done(["key", "create", "--output", "json"])) as {
      keyId: string;
      secret: string;
    };
    const client = new S3Client({
      endpoint: node.s3Endpoint,
      region: node.region,
      forcePathStyle: true,
      credentials: { accessKeyId: keyId, secretAccessKey: secret },
      maxAttempts: 1,
    });
    try {
      expect((await client.send(new ListBucketsCommand({}))).Buckets).not.toEqual([]);
      await done(["key", "revoke", keyId]);
      await expect(client.send(new ListBucketsCommand({}))).rejects.toMatchObject({
        name: "InvalidAccessKeyId",
      });
    } finally {
      client.destroy();
    }
  });

  it("of one bucket do not open another", async () => {
    const args = ["key", "create", "--kind", "api", "--bucket", "other", "--output", "json"];
    const { secret } = JSON.parse(await done(args)) as { secret: string };
    expect(await say(["object", "ls", "s3://present"], { SKERRY_API_KEY: secret })).toMatchObject({
      exitCode: 5,
    });
  });

  it("come from a file as well", async () => {
    const path = file("api-key", `${node.apiKey}\n`);
    const env = { SKERRY_API_KEY: undefined };
    expect(await done(["bucket", "list", "--api-key-file", path], env)).toContain("present");
  });
});

describe("the cluster", () => {
  it("is shown", async () => {
    const text = await done(["cluster", "status"]);
    expect(text).toMatch(/Leader {4}node-1 \(node 1\)/);
    expect(text).toMatch(/1 +node-1 +\S+ +active +alive +leader +\d+ +\d+ +0 +writable/);
    expect(await done(["cluster", "nodes"])).toContain(new URL(node.s3Endpoint).host);
    const status = JSON.parse(await done(["cluster", "status", "--output", "json"])) as {
      nodes: { nodeId: number; s3Address: string; apiAddress: string }[];
    };
    expect(status.nodes).toMatchObject([
      { nodeId: 1, s3Address: new URL(node.s3Endpoint).host, apiAddress: new URL(node.apiEndpoint).host },
    ]);
    // What is free on the disk and how far the log is move between two looks.
    const named = status.nodes.map(({ nodeId, s3Address, apiAddress }) => ({
      nodeId,
      s3Address,
      apiAddress,
    }));
    expect(JSON.parse(await done(["cluster", "nodes", "--output", "json"]))).toMatchObject(named);
  });

  it("lets nodes in with a command that can be copied", async () => {
    const text = await done(["cluster", "add", "--valid-for", "60"]);
    expect(text).toMatch(
      / {2}SKERRY_JOIN_TOKEN=skj_\S+ skerry server --config .* --join-address 127\.0\.0\.1:\d+\n/,
    );
    const made = JSON.parse(await done(["cluster", "add", "--output", "json"])) as {
      command: string;
      token: string;
    };
    expect(made.command).toContain(made.token);
    expect(await say(["cluster", "add", "--valid-for", "soon"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("a whole number of seconds"),
    });
  });

  it("refuses to be left without a voter, or to lead through nobody, and says what to do", async () => {
    expect(await say(["cluster", "remove", "node-1", "--force"])).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/node-1 is the only voter.*what to do: add a node first/s),
    });
    expect(await say(["cluster", "drain", "1"])).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("0 active storage nodes are left for 3 copies"),
    });
    expect(await say(["cluster", "transfer"])).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("no other voter answers"),
    });
    expect(await say(["cluster", "transfer", "node-2"])).toMatchObject({ exitCode: 4 });
  });
});

describe("a namespace", () => {
  it("is verified", async () => {
    await done(["ns", "create", "acme/web/verified"]);
    expect(await done(["ns", "verify", "acme/web/verified"])).toBe("version 0: 0 documents, 0 blobs, 0 B\n");
    const report = JSON.parse(
      await done(["ns", "verify", "acme/web/verified", "--output", "json"]),
    ) as object;
    expect(report).toMatchObject({ documents: 0, findings: [], problems: [] });
    expect(await say(["ns", "verify", "acme/web/missing"])).toMatchObject({ exitCode: 4 });
  });

  it("is copied into another schema, compacted, warmed, pinned and measured", async () => {
    const documents = join(directory, "documents.ndjson");
    writeFileSync(
      documents,
      ["a", "b"]
        .map((id, at) => JSON.stringify({ id, vector: [1, at], attributes: { year: 2020 } }))
        .join("\n"),
    );
    await done(["ns", "create", "acme/web/kept"]);
    await done(["ns", "upsert", "acme/web/kept", documents]);
    const schema = JSON.stringify({
      vectors: { vector: { dimensions: 2, element: "f16" } },
      attributes: { year: "int" },
    });
    await done(["ns", "copy", "acme/web/kept", "copied", "--at-version", "1", "--schema", schema]);
    const copied = ["acme/web/copied", "--output", "json"];
    expect(JSON.parse(await done(["ns", "get", ...copied]))).toMatchObject({
      schema: { vectors: { vector: { element: "f16" } } },
    });
    expect(await done(["ns", "compact", "acme/web/copied"])).toMatch(/^[01] segments before, 1 now\n$/);
    expect(await done(["ns", "warm", "acme/web/copied"])).toMatch(/^1 blobs, [\d.]+ \S+, \d+ ms\n$/);
    expect(JSON.parse(await done(["ns", "pin", ...copied]))).toMatchObject({ settings: { pinned: true } });
    const unpinned = JSON.parse(await done(["ns", "unpin", ...copied])) as { settings?: object };
    expect(unpinned.settings ?? {}).not.toMatchObject({ pinned: true });
    expect(await done(["ns", "recall", "acme/web/copied", "--samples", "2"])).toBe(
      "recall@10 1.000, worst 1.000, 2 queries\n",
    );
    for (const wrong of [
      ["copy", "acme/web/kept", "other", "--at-version", "x"],
      ["branch", "acme/web/kept", "other", "--at-version", "-1"],
      ["recall", "acme/web/kept", "--samples", "many"],
    ]) {
      expect(await say(["ns", ...wrong])).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining("is a whole number"),
      });
    }
  });
});

describe("stores for index segments", () => {
  it("are set, shown without secrets, and refused with what is wrong with them", async () => {
    expect(await done(["ns", "store", "show"])).toBe("New index segments go to the cluster's own nodes.\n");
    const mounted = join(directory, "mounted");
    expect(await say(["ns", "store", "set-directory", mounted])).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/there is no directory.*what to do: mend the store/s),
    });
    mkdirSync(mounted);
    expect(await done(["ns", "store", "set-directory", mounted])).toContain(
      `New index segments go to ${mounted}.`,
    );
    const bucket = ["ns", "store", "set-bucket", "--store", node.s3Endpoint, "--bucket", "present"];
    const { accessKeyId, secretAccessKey } = node.credentials;
    const shown = await done([...bucket, "--prefix", "segments/", "--access-key", accessKeyId], {
      SKERRY_STORE_SECRET_KEY: secretAccessKey,
    });
    expect(shown).toContain(`${node.s3Endpoint}/present/segments/`);
    expect(shown).not.toContain(secretAccessKey);
    expect(await say([...bucket, "--access-key", accessKeyId])).toMatchObject({ exitCode: 2 });
    expect(await done(["ns", "store", "set-cluster"])).toContain("the cluster's own nodes");
    const rows = JSON.parse(await done(["ns", "store", "show", "--output", "json"])) as object[];
    expect(rows).toMatchObject([
      { storeId: 1, current: false },
      { storeId: 2, current: false },
    ]);
  });
});

describe("exit codes", () => {
  it("2: no API key, a wrong word, a wrong endpoint", async () => {
    const bare = { SKERRY_API_KEY: undefined };
    expect(await say(["bucket", "list"], bare)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("SKERRY_API_KEY"),
    });
    expect(await say(["bucket", "list", "--endpoint", "not a URL"])).toMatchObject({ exitCode: 2 });
    expect(await say(["buckets"])).toMatchObject({ exitCode: 2 });
    expect(await say(["bucket", "list", "--nonsense"])).toMatchObject({ exitCode: 2 });
    expect(await say(["bucket", "create"])).toMatchObject({ exitCode: 2 });
    expect(await say(["key", "create", "--role", "king"])).toMatchObject({ exitCode: 2 });
    expect(await say(["bucket", "list", "--api-key-file", join(directory, "no-key")])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("no-key"),
    });
  });

  it("2: an endpoint that is not the API of a node, and a form of output that there is not", async () => {
    const s3Port = new URL(node.s3Endpoint).host;
    for (const endpoint of [
      "localhost:8080",
      `${node.apiEndpoint}/api`,
      `http://${s3Port}`,
      `https://${s3Port}`,
      node.apiEndpoint.replace("http:", "https:"),
    ]) {
      const said = await say(["bucket", "list", "--endpoint", endpoint]);
      expect(said, endpoint).toMatchObject({ exitCode: 2, stdout: "" });
      expect(said.stderr, endpoint).toMatch(/^skerry: .*endpoint .+\n$/);
    }
    for (const command of [
      ["bucket", "list"],
      ["audit", "verify", directory],
    ])
      expect(await say([...command, "--output", "yaml"])).toMatchObject({
        exitCode: 2,
        stdout: "",
        stderr: expect.stringContaining("yaml"),
      });
  });

  it("2: an API key that no header can hold, which is not shown", async () => {
    const env = { SKERRY_API_KEY: "sk_first-half\nsecond-half" };
    for (const command of [
      ["bucket", "list"],
      ["ns", "list"],
    ]) {
      const said = await say(command, env);
      expect(said).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining("line break") });
      expect(said.stderr).not.toContain("half");
    }
    expect(await say(["ns", "get", "a/b"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("a/b"),
    });
  });

  it("3: a node that takes the call and does not answer, or goes in the middle of its answer", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const cutting = createHttpServer((_request, response) => {
      response.write('{"document":{"id":1}}\n', () => response.destroy());
    });
    await new Promise<void>((resolve) => cutting.listen(0, "127.0.0.1", resolve));
    const at = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const waits = ["cluster", "drain", "node-1", "--wait", "--timeout", "1", "--endpoint", at(silent)];
      expect(await say(waits)).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("--endpoint") });
      const merge = ["ns", "compact", "docs", "--timeout", "1", "--endpoint", at(silent)];
      expect(await say(merge)).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("--timeout") });
      const cut = await say(["ns", "export", "docs", "--endpoint", at(cutting)]);
      expect(cut).toMatchObject({ exitCode: 3, stdout: '{"id":1}\n' });
      expect(cut.stderr).toMatch(/^skerry: .+\n$/);
    } finally {
      for (const server of [silent, cutting]) server.close();
    }
  });

  it("3: nobody answers", async () => {
    const [port] = await freePorts(1);
    const said = await say(["bucket", "list", "--endpoint", `http://127.0.0.1:${port}`]);
    expect(said).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("--endpoint") });
  });

  it("4: what is asked for is not there", async () => {
    expect(await say(["object", "ls", "s3://absent"])).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/bucket/),
    });
  });

  it("5: a key that nobody knows", async () => {
    const env = { SKERRY_API_KEY: "sk_nobody-knows-this-key-at-all" };
    const said = await say(["bucket", "list"], env);
    expect(said).toMatchObject({ exitCode: 5, stdout: "" });
    expect(said.stderr).not.toContain(env.SKERRY_API_KEY);
  });

  it("are the only thing that failures print without a stack", async () => {
    for (const args of [
      ["object", "ls", "s3://absent"],
      ["object", "cat", "s3://present/none"],
      ["bucket", "list", "--endpoint", "http://127.0.0.1:1"],
    ]) {
      const { stderr } = await say(args);
      expect(stderr, args.join(" ")).toMatch(/^skerry: .+\n$/);
    }
  });
});

describe("help", () => {
  it("is there for every command, at exit code 0", { timeout: 120_000 }, async () => {
    const commandsOf = (help: string) =>
      [...(help.split("\nCommands:\n")[1]?.split("\n\n")[0] ?? "").matchAll(/^ {2}([a-z-]+)/gm)]
        .map((match) => match[1] ?? "")
        .filter((name) => name !== "help");
    const seen: string[] = [];
    const visit = async (path: readonly string[]): Promise<void> => {
      const help = await done([...path, "--help"], { SKERRY_API_KEY: undefined });
      expect(help, path.join(" ")).toMatch(/^Usage: skerry/);
      seen.push(path.join(" "));
      await Promise.all(commandsOf(help).map((name) => visit([...path, name])));
    };
    await visit([]);
    for (const command of [
      "server",
      "dev",
      "cluster init",
      "cluster remove",
      "key revoke",
      "object cp",
      "config check",
    ])
      expect(seen).toContain(command);
    expect((await say(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("configuration", () => {
  const bare = { SKERRY_ENDPOINT: undefined, SKERRY_API_KEY: undefined };

  it("that is right is said to be, and printed without its secrets", async () => {
    const path = file(
      "good.toml",
      '[node]\nzone = "east"\n[root]\naccess_key = "SKROOT"\nsecret_key = "very-secret-key"\n',
    );
    expect(await done(["config", "check", "--config", path], bare)).toContain("can be used");
    const printed = await done(["config", "print", "--config", path, "--s3-region", "north"], bare);
    expect(printed).toContain('zone = "east"');
    expect(printed).toContain('region = "north"');
    expect(printed).not.toContain("very-secret-key");
  });

  it.each([
    ["a misspelt setting", "[node]\nzoen = 'x'\n", {}, "bad.toml:2"],
    ["a value of the wrong kind", "[limits]\nrequests_in_flight = 'many'\n", {}, "bad.toml:2"],
    ["what is not TOML", "[node\n", {}, "bad.toml:1"],
    ["a misspelt variable", "", { SKERRY_NODE_ZOEN: "x" }, "SKERRY_NODE_ZOEN"],
    ["a bucket that cannot be", "", { SKERRY_BUCKETS: "Photos" }, "SKERRY_BUCKETS"],
    ["an open door without TLS", "[s3]\nlisten = '0.0.0.0:9000'\n", {}, "not loopback"],
  ])("with %s is refused by name and place", async (_, text, env, expected) => {
    const path = file("bad.toml", text);
    for (const command of ["check", "print"]) {
      const said = await say(["config", command, "--config", path], { ...bare, ...env });
      expect(said).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining(expected) });
      expect(said.stderr).not.toContain("    at ");
    }
  });

  it("that is not there is refused", async () => {
    const said = await say(["config", "check", "--config", join(directory, "none.toml")], bare);
    expect(said).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("none.toml") });
  });
});

describe("a node as a process", () => {
  async function settings(name: string) {
    const [s3, api, metrics] = await freePorts(3);
    const [peer] = await freePorts(1, 2);
    return {
      SKERRY_NODE_DATA_DIR: join(directory, name),
      SKERRY_S3_LISTEN: `127.0.0.1:${s3}`,
      SKERRY_API_LISTEN: `127.0.0.1:${api}`,
      SKERRY_METRICS_LISTEN: `127.0.0.1:${metrics}`,
      SKERRY_PEER_LISTEN: `127.0.0.1:${peer}`,
    };
  }

  it("does not start without a cluster, and says how to get one", async () => {
    const said = await skerry(["server"], { env: await settings("stranger") });
    expect(said.exitCode).toBe(1);
    expect(said.stderr).toContain("belongs to no cluster yet");
    expect(said.stderr).toContain("skerry cluster init");
    expect(said.stderr).not.toContain("    at ");
  });

  it("has its data directory for itself", async () => {
    const env = await settings("taken");
    const founded = await skerry(["cluster", "init"], { env });
    expect(founded.exitCode).toBe(0);
    const again = await skerry(["cluster", "init"], { env });
    expect([again.exitCode, again.stdout.toString()]).toEqual([1, ""]);
    const owner = startSkerryProgram(["server"], { env });
    try {
      await owner.says('"listening"');
      const others = { ...(await settings("taken")), SKERRY_NODE_DATA_DIR: env.SKERRY_NODE_DATA_DIR };
      const second = await skerry(["server"], { env: others });
      expect(second.exitCode).toBe(1);
      expect(second.stderr).toContain("another process works in this data directory");
      expect(second.stderr).not.toContain("    at ");
      await expect
        .poll(async () => (await fetch(`http://${env.SKERRY_API_LISTEN}/readyz`)).status, { timeout: 20_000 })
        .toBe(200);
    } finally {
      owner.child.kill("SIGTERM");
      expect((await owner.ended).exitCode).toBe(0);
    }
  });

  it("is founded in a directory where a power loss ended the founding", async () => {
    const env = await settings("half-founded");
    mkdirSync(env.SKERRY_NODE_DATA_DIR);
    writeFileSync(join(env.SKERRY_NODE_DATA_DIR, "founding-keys.json"), "[");
    const founded = await skerry(["cluster", "init"], { env });
    expect(founded.exitCode).toBe(0);
    const [, apiKey = ""] = /API key +(\S+)/.exec(founded.stdout.toString()) ?? [];
    const started = startSkerryProgram(["server"], { env });
    try {
      await started.says('"listening"');
      const asked = { SKERRY_ENDPOINT: `http://${env.SKERRY_API_LISTEN}`, SKERRY_API_KEY: apiKey };
      await expect
        .poll(async () => (await say(["key", "list"], asked)).exitCode, { timeout: 20_000 })
        .toBe(0);
    } finally {
      started.child.kill("SIGTERM");
      await started.ended;
    }
  });

  it("does not start on an address that is taken, and says which", async () => {
    const env = { ...(await settings("no-port")), SKERRY_S3_LISTEN: new URL(node.s3Endpoint).host };
    expect((await skerry(["cluster", "init"], { env })).exitCode).toBe(0);
    const said = await skerry(["server"], { env });
    expect(said.exitCode).toBe(1);
    expect(said.stderr).toContain(new URL(node.s3Endpoint).host);
    expect(said.stderr).not.toContain("    at ");
  });
});

describe("the audit log", () => {
  it("is verified, and one that was edited or cut is noticed", { timeout: 180_000 }, async () => {
    const data = join(directory, "audited");
    const audited = await startSkerry({ buckets: ["audited"], dataDirectory: data });
    await audited.stop();
    const log = join(data, "audit");
    const env = { SKERRY_API_KEY: undefined };
    const report = JSON.parse(await done(["audit", "verify", log, "--output", "json"], env)) as {
      headHash: string;
      problems: object[];
    };
    expect(report.problems).toEqual([]);
    await done(["audit", "verify", log, "--expect-hash", report.headHash], env);
    const other = await say(["audit", "verify", log, "--expect-hash", "0".repeat(64)], env);
    expect(other).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("does not end in") });
    const [first = ""] = readdirSync(log);
    const text = readFileSync(join(log, first), "utf8");
    writeFileSync(
      join(log, first),
      text.replace(/[0-9]{3}/, (digits) => String(999 - Number(digits)).padStart(3, "0")),
    );
    const edited = await say(["audit", "verify", log], env);
    expect(edited).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("not as it was written") });
    expect(await say(["audit", "verify", join(directory, "nowhere")], env)).not.toMatchObject({
      exitCode: 0,
    });
  });
});
