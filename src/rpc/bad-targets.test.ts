import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.close());

/** The first line of the answer. */
function asked(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(api.baseUrl).port), "127.0.0.1", () => socket.write(request));
    socket.once("data", (bytes: Buffer) => {
      socket.destroy();
      resolve(bytes.toString().split("\r\n")[0] ?? "");
    });
    socket.once("error", reject);
  });
}

const BODY = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

// Each of these ended the process.
it.each([
  ["an empty host in the target", "GET // HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["no host", "GET /v1/namespaces HTTP/1.0\r\n\r\n"],
  ["a host that is none", "GET /v1/namespaces HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a method of Connect and no host", `POST /skerry.search.v1.QueryService/Query HTTP/1.0\r\n${BODY}`],
  [
    "a method of Connect and a host that is none",
    `POST /skerry.search.v1.QueryService/Query HTTP/1.1\r\nHost: a b\r\n${BODY}`,
  ],
])("a request with %s is refused, and the next one answered", async (_, request) => {
  expect(await asked(request)).toBe("HTTP/1.1 400 Bad Request");
  expect(await asked("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).toBe("HTTP/1.1 200 OK");
});

it("a probe needs no host", async () => {
  expect(await asked("GET /healthz HTTP/1.0\r\n\r\n")).toBe("HTTP/1.1 200 OK");
});

it.each([
  ["with a key", "Authorization: Bearer reader\r\n"],
  ["without one", ""],
])("a caller %s that leaves in the midst of its body harms nobody", async (_, authorization) => {
  const { port } = new URL(api.baseUrl);
  const head = `POST /v1/namespaces/docs/query HTTP/1.1\r\nHost: x\r\n${authorization}`;
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), "127.0.0.1", () =>
      socket.write(`${head}Content-Length: 100\r\n\r\n{"te`, () => socket.resetAndDestroy()),
    );
    socket.once("close", () => resolve());
  });
  expect(await asked("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).toBe("HTTP/1.1 200 OK");
  const seen = await api.rest("GET", "/v1/namespaces/docs", { key: "reader" });
  expect(seen.status).toBe(200);
});
