import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ArgumentError, and, eq, fuzzy, gte, isIn, not, SkerryClient, SkerryError } from "./index.ts";
import { format } from "./json.ts";

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: string;
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A client of a server that does this with the body of each answer. */
async function clientOf(
  answer: (response: ServerResponse, requests: number) => void,
  options: { maxAttempts?: number; timeoutMs?: number } = {},
) {
  let requests = 0;
  const server = createServer((_request, response) => answer(response, ++requests));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const skerry = new SkerryClient({ endpoint, apiKey: "sk_test", ...options });
  return { docs: skerry.namespace("docs"), requests: () => requests };
}

/** A client of a server that gives these answers, in turn. */
async function client(
  answers: readonly (Answer | "cut")[],
  options: { maxAttempts?: number; timeoutMs?: number } = {},
) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => {
      body += piece.toString();
    });
    request.on("end", () => {
      const answer = answers[Math.min(seen.length, answers.length - 1)];
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      if (answer === undefined || answer === "cut") return request.socket.destroy();
      return response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { seen, skerry: new SkerryClient({ endpoint, apiKey: "sk_test", ...options }) };
}

const written = { body: '{"version":4,"upserted":1,"patched":0,"deleted":0,"repeated":false}' };
const refusal = (status: number, code: string, headers?: Record<string, string>): Answer => ({
  status,
  body: JSON.stringify({
    error: { code, message: `it is ${code}`, request_id: "r1", details: { limit: "x" } },
  }),
  ...(headers !== undefined && { headers }),
});

describe("the client", () => {
  it("says who it is and what it wants", async () => {
    const { seen, skerry } = await client([
      { body: '{"results":[],"performance":{},"version":9007199254740993}' },
    ]);
    const filter = and(
      gte("year", 2023),
      not(isIn("tag", ["a"])),
      eq("gone", null),
      fuzzy("name", "rok", { distance: 2 }),
    );
    const answer = await skerry
      .namespace("acme/web/docs")
      .query({ text: "rocks", filter }, { consistency: "eventual" });
    expect(answer.version).toBe(9007199254740993n);
    expect(seen[0]).toMatchObject({
      method: "POST",
      url: "/v1/orgs/acme/projects/web/namespaces/docs/query",
      headers: { authorization: "Bearer sk_test", "content-type": "application/json" },
    });
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({
      text: "rocks",
      filter: [
        "And",
        [
          ["year", "Gte", 2023],
          ["Not", ["tag", "In", ["a"]]],
          ["gone", "Eq", null],
          ["name", "Fuzzy", "rok", { distance: 2 }],
        ],
      ],
      consistency: "eventual",
    });
  });

  it("writes whole numbers with all their digits", async () => {
    const { seen, skerry } = await client([written]);
    await skerry.namespace("docs").write({ deletes: [18446744073709551615n] });
    expect(seen[0]).toMatchObject({
      url: "/v1/namespaces/docs/documents",
      body: '{"deletes":[18446744073709551615]}',
    });
  });

  it("writes typed arrays as base64 of their little-endian floats", async () => {
    const { seen, skerry } = await client([written]);
    const vectors = { other: Float32Array.from([1, -2]) };
    await skerry.namespace("docs").write({ upserts: [{ id: 1, vector: [1, 2], vectors }] });
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({
      upserts: [{ id: 1, vector: [1, 2], vectors: { other: "AACAPwAAAMA=" } }],
    });
  });

  it("writes them without Node's Buffer too, and of a part of a larger array", () => {
    const many = Float32Array.from({ length: 5_000 }, (_, at) => Math.sin(at));
    const part = many.subarray(7, 4_100);
    const text = format({ part });
    const { part: written } = JSON.parse(text) as { part: string };
    expect(new Float32Array(Uint8Array.from(atob(written), (byte) => byte.charCodeAt(0)).buffer)).toEqual(
      new Float32Array(part),
    );
    vi.stubGlobal("Buffer", undefined);
    const without = format({ part });
    vi.unstubAllGlobals();
    expect(without).toBe(text);
  });

  it("tries again what failed for now, with the same idempotency key", async () => {
    const { seen, skerry } = await client([
      refusal(503, "unavailable"),
      "cut",
      refusal(429, "overloaded", { "retry-after": "0" }),
      written,
    ]);
    expect(await skerry.namespace("docs").write({ upserts: [{ id: 1 }] })).toMatchObject({ version: 4 });
    const keys = seen.map(({ headers }) => headers["idempotency-key"]);
    expect([seen.length, new Set(keys).size]).toEqual([4, 1]);
  });

  it.each([400, 401, 403, 404, 409, 412, 413, 500])(
    "does not repeat what will not succeed: %i",
    async (status) => {
      const { seen, skerry } = await client([refusal(status, "some_code")]);
      const error = await skerry
        .namespace("docs")
        .info()
        .catch((refused: unknown) => refused);
      expect(error).toBeInstanceOf(SkerryError);
      expect(error).toMatchObject({ status, code: "some_code", requestId: "r1", details: { limit: "x" } });
      expect(seen.length).toBe(1);
    },
  );

  it("gives up after its attempts, and when the server asks for too much patience", async () => {
    const twice = await client([refusal(503, "unavailable")], { maxAttempts: 2 });
    await expect(twice.skerry.namespace("docs").info()).rejects.toMatchObject({ code: "unavailable" });
    expect(twice.seen.length).toBe(2);
    const patient = await client([refusal(429, "overloaded", { "retry-after": "3600" })]);
    await expect(patient.skerry.namespace("docs").info()).rejects.toMatchObject({ code: "overloaded" });
    expect(patient.seen.length).toBe(1);
  });

  it("says what it could not reach", async () => {
    const unreachable = new SkerryClient({ endpoint: "http://127.0.0.1:1", apiKey: "k", maxAttempts: 1 });
    await expect(unreachable.namespace("docs").info()).rejects.toMatchObject({
      code: "unreachable",
      status: 0,
    });
    const { skerry } = await client([{ body: "no JSON at all", status: 418 }]);
    await expect(skerry.namespace("docs").info()).rejects.toMatchObject({ code: "unknown", status: 418 });
  });

  it("writes many documents in batches, and tells how far it is", async () => {
    const { seen, skerry } = await client([written]);
    const documents = Array.from({ length: 25 }, (_, id) => ({
      id,
      text: { title: "x".repeat(id === 7 ? 5000 : 5) },
    }));
    const progress: number[] = [];
    const done = await skerry.namespace("docs").upsertAll(documents, {
      batchDocuments: 10,
      batchBytes: 10_000,
      concurrency: 2,
      onProgress: (now) => progress.push(now.documents),
    });
    expect(done).toMatchObject({ documents: 25, version: 4 });
    const sizes = seen.map(({ body }) => (JSON.parse(body) as { upserts: unknown[] }).upserts.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(25);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
    // The large document fills a batch by itself.
    expect(sizes).toContain(1);
    expect(progress.at(-1)).toBe(25);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  it("ends a run of batches at the first that is refused", async () => {
    const { seen, skerry } = await client([refusal(400, "invalid_argument")]);
    const documents = Array.from({ length: 100 }, (_, id) => ({ id }));
    const run = skerry.namespace("docs").upsertAll(documents, { batchDocuments: 1, concurrency: 2 });
    await expect(run).rejects.toMatchObject({ code: "invalid_argument" });
    expect(seen.length).toBeLessThan(10);
  });

  it("reads an export line by line, and lists in pages", async () => {
    const lines = await client([
      { body: '{"document":{"id":"a"}}\n{"document":{"id":18446744073709551615},"cursor":"c"}\n' },
    ]);
    const ids: unknown[] = [];
    for await (const { id } of lines.skerry.namespace("docs").export({ at_version: 3 })) ids.push(id);
    expect(ids).toEqual(["a", 18446744073709551615n]);
    expect(lines.seen[0]?.url).toBe("/v1/namespaces/docs/export?at_version=3");
    const pages = await client([
      { body: '{"namespaces":[{"namespace":"a"}],"next_cursor":"x"}' },
      { body: '{"namespaces":[{"namespace":"b"}]}' },
    ]);
    const names: string[] = [];
    for await (const { namespace } of pages.skerry.namespaces({ project: "acme/web" })) names.push(namespace);
    expect(names).toEqual(["a", "b"]);
    expect(pages.seen.map(({ url }) => url)).toEqual([
      "/v1/orgs/acme/projects/web/namespaces?prefix=&cursor=",
      "/v1/orgs/acme/projects/web/namespaces?prefix=&cursor=x",
    ]);
  });

  it.each(["a/b", "", "..", "acme/../x", "acme/web/", "UPPER", "a b", "x".repeat(64)])(
    "takes no name that is none: %j",
    async (name) => {
      const { seen, skerry } = await client([written]);
      expect(() => skerry.namespace(name)).toThrow(ArgumentError);
      await expect(skerry.namespace("docs").branch(name)).rejects.toThrow(ArgumentError);
      await expect(skerry.namespace("docs").copy(name)).rejects.toThrow(ArgumentError);
      expect(seen).toEqual([]);
    },
  );

  it("asks no other project or organization than the one that is named", async () => {
    const { seen, skerry } = await client([{ body: '{"quota":{},"namespaces":[]}' }]);
    for (const scope of ["acme/..", "..", "", "acme/", "a/b/c"]) {
      await expect(skerry.quota(scope)).rejects.toThrow(ArgumentError);
      await expect(skerry.setQuota(scope, { max_documents: 5 })).rejects.toThrow(ArgumentError);
    }
    for (const project of ["acme", "acme/..", "a/b/c", ""])
      await expect(skerry.namespaces({ project })[Symbol.asyncIterator]().next()).rejects.toThrow(
        ArgumentError,
      );
    expect(seen).toEqual([]);
    await skerry.quota("acme");
    await skerry.quota("acme/web");
    expect(seen.map(({ url }) => url)).toEqual(["/v1/orgs/acme/quota", "/v1/orgs/acme/projects/web/quota"]);
  });

  it("sends nothing that would arrive as something else", async () => {
    const { seen, skerry } = await client([written]);
    const docs = skerry.namespace("docs");
    await expect(docs.write({ delete_by_filter: eq("price", Number("abc")) })).rejects.toThrow(
      new ArgumentError("delete_by_filter[2]: NaN cannot be written as JSON"),
    );
    await expect(docs.write({ if_version: Number.NaN, upserts: [{ id: 1 }] })).rejects.toThrow("if_version");
    await expect(docs.write({ deletes: [1] }, { idempotencyKey: "" })).rejects.toThrow(ArgumentError);
    expect(seen).toEqual([]);
  });

  it("leaves out options of an export that are undefined", async () => {
    const { seen, skerry } = await client([{ body: "" }]);
    const options = { consistency: undefined, at_version: 3 } as unknown as { at_version: number };
    for await (const _ of skerry.namespace("docs").export(options));
    expect(seen[0]?.url).toBe("/v1/namespaces/docs/export?at_version=3");
  });

  it("says of an answer that is no JSON that it does not know it", async () => {
    const { skerry } = await client([{ body: "<html>It works!</html>" }]);
    await expect(skerry.namespace("docs").info()).rejects.toMatchObject({ code: "unknown", status: 200 });
  });
});

describe("what takes long", () => {
  const line = (id: number) => `{"document":{"id":${id}}}\n`;

  it("an export goes on as long as pieces come, however slowly they are taken", async () => {
    let rest: () => void = () => undefined;
    const { docs } = await clientOf(
      (response) => {
        response.write(line(1));
        rest = () => response.end(line(2));
      },
      { timeoutMs: 1_000 },
    );
    const ids: unknown[] = [];
    for await (const { id } of docs.export()) {
      ids.push(id);
      if (ids.length > 1) continue;
      await new Promise((wake) => setTimeout(wake, 1_500));
      rest();
    }
    expect(ids).toEqual([1, 2]);
  });

  it.each([
    ["says nothing any more", "timeout", () => undefined],
    ["is gone", "unreachable", (response: ServerResponse) => response.destroy()],
  ])("an export of a server that %s ends as %s", async (_, code, then) => {
    const { docs, requests } = await clientOf(
      (response) => {
        response.write(line(1), () => then(response));
      },
      { timeoutMs: 200 },
    );
    const read = async () => {
      for await (const { id } of docs.export()) expect(id).toBe(1);
    };
    const error = await read().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SkerryError);
    expect(error).toMatchObject({ code, status: 0 });
    expect(requests()).toBe(1);
  });

  it("an export ends with its caller's reason, and with the loop that reads it", async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const { docs } = await clientOf((response) => {
      closed = once(response, "close");
      response.write(line(1));
    });
    for await (const { id } of docs.export()) {
      expect(id).toBe(1);
      break;
    }
    await closed;
    const caller = new AbortController();
    const reason = new Error("no more of it");
    const read = async () => {
      for await (const _ of docs.export({ signal: caller.signal })) caller.abort(reason);
    };
    await expect(read()).rejects.toBe(reason);
  });

  it("an answer whose body is cut off is asked for again", async () => {
    const { docs, requests } = await clientOf((response, count) => {
      if (count === 1) response.write('{"namespace":', () => response.destroy());
      else response.end('{"namespace":{"namespace":"docs"}}');
    });
    expect(await docs.info()).toMatchObject({ namespace: "docs" });
    expect(requests()).toBe(2);
  });

  it("a merge is waited for beyond the time limit of other calls, and sent once", async () => {
    const report = { segments_before: 9, segments_after: 1, done: true };
    const { docs, requests } = await clientOf(
      (response) => setTimeout(() => response.end(JSON.stringify(report)), 600),
      { timeoutMs: 100 },
    );
    expect(await docs.compact()).toEqual(report);
    expect(requests()).toBe(1);
    const gone = await clientOf((response) => response.destroy());
    await expect(gone.docs.copy("other")).rejects.toMatchObject({ code: "unreachable" });
    expect(gone.requests()).toBe(1);
    const reason = new Error("long enough");
    await expect(docs.verify({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("a merge that was refused for now is tried again", async () => {
    const { seen, skerry } = await client([refusal(503, "unavailable"), { body: "{}" }]);
    await skerry.namespace("docs").compact();
    expect(seen.map(({ body }) => body)).toEqual(["{}", "{}"]);
  });
});

describe("what is done once", () => {
  const branch = (skerry: SkerryClient) => skerry.namespace("docs").branch("draft");
  const remove = (skerry: SkerryClient) => skerry.namespace("docs").delete();

  it.each([
    ["a branch", branch],
    ["a delete", remove],
  ])("%s is not repeated when its answer was lost", async (_, call) => {
    for (const lost of ["cut", refusal(502, "bad_gateway"), refusal(504, "deadline_exceeded")] as const) {
      const { seen, skerry } = await client([lost, refusal(409, "its own traces")]);
      await expect(call(skerry)).rejects.not.toMatchObject({ code: "its own traces" });
      expect(seen.length).toBe(1);
    }
  });

  it("a branch that an attempt before may have made is not refused as somebody else's", async () => {
    const exists = refusal(409, "already_exists");
    const unsure = await client([refusal(503, "unavailable"), exists]);
    await expect(branch(unsure.skerry)).rejects.toMatchObject({ code: "unavailable" });
    for (const before of [[], [refusal(429, "overloaded")]]) {
      const { skerry } = await client([...before, exists]);
      await expect(branch(skerry)).rejects.toMatchObject({ code: "already_exists" });
    }
    const made = await client([refusal(503, "unavailable"), { body: '{"namespace":{"namespace":"draft"}}' }]);
    expect(await branch(made.skerry)).toEqual({ namespace: "draft" });
  });

  it("a namespace that an attempt before may have deleted is gone", async () => {
    const gone = refusal(404, "not_found");
    const { seen, skerry } = await client([refusal(503, "unavailable"), gone]);
    await remove(skerry);
    expect(seen.length).toBe(2);
    for (const before of [[], [refusal(429, "overloaded")]]) {
      const never = await client([...before, gone]);
      await expect(remove(never.skerry)).rejects.toMatchObject({ code: "not_found" });
    }
  });
});

describe("what no call can be made with", () => {
  it.each(["sk_of\nthe root", "sk_\u0000", "sk_schl\u00fcssel"])(
    "a key as %j, which is not shown",
    (apiKey) => {
      const make = () => new SkerryClient({ endpoint: "http://127.0.0.1:1", apiKey });
      expect(make).toThrow(TypeError);
      expect(make).toThrow(expect.objectContaining({ message: expect.not.stringContaining("sk_") }));
    },
  );

  it.each(["localhost:8080", "127.0.0.1", "ftp://127.0.0.1"])("the endpoint %s", (endpoint) => {
    expect(() => new SkerryClient({ endpoint, apiKey: "sk_test" })).toThrow(TypeError);
  });
});
