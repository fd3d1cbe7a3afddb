/** Of the promise: the exit code for each code of the API is what docs/operating/exit-codes.md says, and the page has all of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { SkerryError } from "../../src/client/index.ts";
import { SEARCH_ERROR_CODES } from "../../src/search/errors.ts";
import { refused } from "./namespace-calls.ts";

const PAGE = join(import.meta.dirname, "../../docs/operating/exit-codes.md");
/** What the client and the HTTP edge say besides. */
const OTHERS = ["unreachable", "timeout", "unknown", "payload_too_large"];

function documented(): Map<string, number> {
  const [, table = ""] = readFileSync(PAGE, "utf8").split("## Codes of the API");
  const rows = [...table.matchAll(/^\| (\d) \| (.+) \|$/gm)];
  return new Map(
    rows.flatMap(([, exitCode, codes = ""]) =>
      [...codes.matchAll(/`(\w+)`/g)].map(([, code = ""]): [string, number] => [code, Number(exitCode)]),
    ),
  );
}

it("the page has every code, with the exit code that it gives", () => {
  const ofConnect = Object.values(Code).filter((code) => typeof code === "string");
  const codes = [
    ...SEARCH_ERROR_CODES.map((code) => code.replaceAll("-", "_")),
    ...ofConnect.map((code) => code.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase()),
    ...OTHERS,
  ];
  const exitCodes = codes.map((code): [string, number] => {
    const { exitCode } = refused(new SkerryError("it is so", { code, status: 500 }));
    return [code, exitCode];
  });
  expect(Object.fromEntries(documented())).toEqual(Object.fromEntries(exitCodes));
});

it.each([
  ["an answer in no form of the API's", "HTTP 400: <Error>", "unknown", 400, 2],
  ["a page of somebody else", "the answer is no JSON: <html>", "unknown", 200, 2],
  ["no TLS where there should be", "write EPROTO: SSL routines: wrong version number", "unreachable", 0, 2],
  ["no HTTP at all", "Parse Error: Expected HTTP/", "unreachable", 0, 2],
  ["a proxy before a node that is away", "HTTP 502: <html>", "unknown", 502, 3],
  ["a proxy that has enough", "HTTP 429: ", "unknown", 429, 3],
  ["a store behind the node", "SSL routines", "unavailable", 503, 3],
])("%s", (_, message, code, status, exitCode) => {
  const said = refused(new SkerryError(message, { code, status }));
  expect(said.exitCode).toBe(exitCode);
  if (exitCode === 2) expect(said.message).toContain("the endpoint is not the API of a node");
});
