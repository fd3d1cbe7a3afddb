import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NamespacePort } from "../../src/sim/namespaces/port.ts";
import { restNamespaces } from "./rest-namespaces.ts";

const NEWEST = { consistency: "strong", atVersion: undefined } as const;
const DOCUMENT = { id: 7, vector: [1, 2], text: { words: "ash" }, attributes: { n: 3 } };
const PLAIN = { id: 7, attributes: { n: 3 }, words: "ash", point: [1, 2] };

const seen: { readonly path: string; readonly body: string }[] = [];
let answers: (readonly [status: number, body: string])[] = [];
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (piece: Buffer) => {
    body += piece.toString();
  });
  request.on("end", () => {
    seen.push({ path: request.url ?? "", body });
    const [status, text] = answers.shift() ?? [500, ""];
    response.writeHead(status).end(text);
  });
});
let port: NamespacePort;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  port = restNamespaces({ endpoint, apiKey: "sk_test", timeoutMs: 10_000 });
});
afterAll(() => void server.close());

const error = (code: string) => JSON.stringify({ error: { code, message: "no", request_id: "r" } });

describe("namespaces over REST", () => {
  it("tells what was fetched, and what is not there", async () => {
    answers = [[200, JSON.stringify({ documents: [DOCUMENT], missing: ["x"], version: 4 })]];
    const answer = await port.fetch("docs", ["x", 7], { consistency: "eventual", atVersion: 4 });
    expect(answer).toEqual({ version: 4, documents: [undefined, PLAIN] });
    expect(JSON.parse(seen.at(-1)!.body)).toEqual({ ids: ["x", 7], consistency: "eventual", at_version: 4 });
  });

  it("exports what the version has that a strong read shows", async () => {
    answers = [
      [200, '{"results":[],"version":9}'],
      [200, `${JSON.stringify({ document: DOCUMENT })}\n`],
    ];
    expect(await port.export("docs", 5, NEWEST)).toEqual({ version: 9, documents: [PLAIN] });
    expect(seen.at(-1)!.path).toMatch(/\/docs\/export\?at_version=9$/);
  });

  it("does not take an export for whole that ends with an error", async () => {
    answers = [
      [200, '{"results":[],"version":9}'],
      [200, `${JSON.stringify({ document: DOCUMENT })}\n${error("unavailable")}\n`],
    ];
    await expect(port.export("docs", 5, NEWEST)).rejects.toThrow("broken-off");
  });

  it("tells refusals of namespaces from everything else", async () => {
    answers = [
      [412, error("version_conflict")],
      [500, error("internal")],
      [502, "<html>"],
    ];
    await expect(port.write("docs", {}, "key")).rejects.toMatchObject({ code: "version-conflict" });
    await expect(port.write("docs", {}, "key")).rejects.toMatchObject({ status: 500, code: "internal" });
    await expect(port.write("docs", {}, "key")).rejects.toMatchObject({ status: 502, code: "no-json" });
  });
});
