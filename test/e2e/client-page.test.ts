/** Of the promise: the code in docs/reference/client.md runs, piece after piece, against a real node. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { run } from "../support/program.ts";

const ROOT = join(import.meta.dirname, "../..");
const directory = mkdtempSync(join(tmpdir(), "skerry-client-page-"));
let skerry: Skerry;

beforeAll(async () => {
  skerry = await startSkerry({ dataDirectory: join(directory, "data") });
});

afterAll(async () => {
  await skerry.stop();
  rmSync(directory, { recursive: true, force: true });
});

it("runs as it is written", async () => {
  const page = readFileSync(join(ROOT, "docs/reference/client.md"), "utf8");
  const pieces = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
  const program = `${pieces.join("\n")}
console.log(JSON.stringify({ hits: results.map(({ id }) => id), many: count.aggregations[0].values.n, done: done.documents }));
console.log("draft", (await draft.fetch([1])).length, "books", (await books.fetch([1])).length);`
    .replace("http://127.0.0.1:8080", skerry.apiEndpoint)
    .replace('"skerry/client"', JSON.stringify(join(ROOT, "src/client/index.ts")));
  const file = join(directory, "page.mts");
  writeFileSync(file, program);
  const { exitCode, stdout, stderr } = await run(process.execPath, [file], {
    env: { SKERRY_API_KEY: skerry.apiKey },
  });
  const said = stdout.toString();
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(said).toContain('{"hits":[1],"many":1000,"done":1000}');
  expect(said).toContain("1000 documents are durable");
  expect(said).toMatch(/not_found [0-9A-F]{16}/);
  expect(said).toContain("draft 0 books 1");
});
