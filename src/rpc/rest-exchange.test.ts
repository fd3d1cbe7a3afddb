import { afterEach, expect, it } from "vitest";
import { fakeNamespaces } from "./testing/fake-namespaces.ts";
import { TestApi } from "./testing/test-api.ts";

let api: TestApi | undefined;
afterEach(() => api?.close());

const reader = { authorization: "Bearer reader", "content-type": "application/json" };

/** A request whose caller leaves once it is under way. */
async function left(target: string, init: RequestInit, underWay: Promise<unknown>): Promise<void> {
  const caller = new AbortController();
  const answer = fetch(`${api?.baseUrl}${target}`, { ...init, headers: reader, signal: caller.signal });
  await underWay;
  caller.abort();
  await expect(answer.then((response) => response.text())).rejects.toThrow();
}

it("a query whose caller is gone is told so", async () => {
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  const { promise: told, resolve: tell } = Promise.withResolvers<unknown>();
  api = await TestApi.start({
    ...fakeNamespaces,
    query: (_name, _queries, { signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => {
          tell(signal.reason);
          reject(signal.reason as Error);
        });
        begin();
      }),
  });
  await left("/v1/namespaces/docs/query", { method: "POST", body: '{"text":"a"}' }, began);
  expect(String(await told)).toContain("the caller is gone");
});

it("an export whose caller is gone ends, and is not under way any more", async () => {
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  api = await TestApi.start({
    ...fakeNamespaces,
    exportPage: async (name, options) => {
      begin();
      const page = await fakeNamespaces.exportPage(name, { ...options, cursor: "" });
      await new Promise((wake) => setImmediate(wake));
      return { ...page, nextCursor: "more" };
    },
  });
  await left("/v1/namespaces/docs/export", {}, began);
  const { events } = api;
  await expect.poll(() => events.map(({ outcome }) => outcome)).toEqual(["canceled"]);
});
