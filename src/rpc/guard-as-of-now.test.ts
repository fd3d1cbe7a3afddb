/** Callers of the API are judged by what was acknowledged anywhere before their call, but for what must be answered without a quorum too. */

import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ClusterService, KeyService } from "../gen/skerry/admin/v1/admin_pb.js";
import { Consistency, QueryService } from "../gen/skerry/search/v1/search_pb.js";
import { BucketService } from "../gen/skerry/storage/v1/storage_pb.js";
import { ObjectError } from "../object/index.ts";
import { TestApi } from "./testing/test-api.ts";

let api: TestApi;
let keys: Client<typeof KeyService>;

beforeEach(async () => {
  api = await TestApi.start();
  keys = createClient(KeyService, api.http2());
});

afterEach(() => api.close());

const as = (name: string) => ({ headers: { authorization: `Bearer ${name}` } });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "ok",
    (error: unknown) => Code[ConnectError.from(error).code],
  );

describe("the guard", () => {
  it("refuses a key that was revoked elsewhere before the call", async () => {
    api.asOfNow = async () => void api.revoked.add("admin");
    expect(await codeOf(keys.revokeKey({ keyId: "known" }, as("admin")))).toBe("Unauthenticated");
    expect(api.events.map(({ outcome, principalKeyId }) => [outcome, principalKeyId])).toEqual([
      ["unauthenticated", "admin"],
    ]);
  });

  it("asks before every call but those of what this node knows", async () => {
    api.asOfNow = () => Promise.reject(new ObjectError("unavailable", "no quorum"));
    const cluster = createClient(ClusterService, api.http2());
    const buckets = createClient(BucketService, api.http2());
    const queries = createClient(QueryService, api.http2());
    const asked = { org: "acme", project: "web", namespace: "docs", queries: [{}] };
    expect(await codeOf(keys.listKeys({}, as("admin")))).toBe("Unavailable");
    expect(await codeOf(buckets.createBucket({ bucket: "b" }, as("writer")))).toBe("Unavailable");
    expect(await codeOf(queries.query(asked, as("admin")))).toBe("Unavailable");
    const eventual = { ...asked, consistency: Consistency.EVENTUAL };
    expect(await codeOf(queries.query(eventual, as("admin")))).toBe("ok");
    expect(await codeOf(cluster.getStatus({}, as("admin")))).toBe("ok");
  });

  it("does not ask for strangers", async () => {
    let asked = 0;
    api.asOfNow = async () => void asked++;
    expect(await codeOf(keys.listKeys({}))).toBe("Unauthenticated");
    expect(await codeOf(keys.listKeys({}, as("nobody")))).toBe("Unauthenticated");
    expect(asked).toBe(0);
  });
});
