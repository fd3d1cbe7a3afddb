import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { expect, it } from "vitest";
import { NodeTimers } from "../platform/node/index.ts";
import { createTestAuthority } from "../platform/testing/network-certificates.ts";
import { ApiListener, type Http1Response } from "./listener.ts";
import { DEFAULT_LISTENER_LIMITS } from "./listener-limits.ts";

const LONG_MS = 600_000;

it("a listener with TLS that closes answers what is under way over HTTP/1.1 and HTTP/2", async () => {
  const authority = await createTestAuthority();
  const { certificatePem, privateKeyPem } = await authority.issueLeaf({ uris: [], hosts: ["localhost"] });
  const waiting: Http1Response[] = [];
  const both = Promise.withResolvers<void>();
  const listener = new ApiListener({
    tls: { certificate: certificatePem, key: privateKeyPem },
    limits: DEFAULT_LISTENER_LIMITS,
    timers: new NodeTimers(),
    onFault: () => undefined,
    handler: (_, response) => {
      waiting.push(response as Http1Response);
      if (waiting.length === 2) both.resolve();
    },
  });
  const { port } = await listener.listen({ host: "127.0.0.1", port: 0 });
  const http1 = new Promise<number | undefined>((resolve, reject) => {
    request({ host: "127.0.0.1", port, rejectUnauthorized: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on("error", reject)
      .end();
  });
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const http2 = new Promise((resolve, reject) => {
    const call = session.request({ ":path": "/" });
    call.on("error", reject).on("response", (head) => resolve(head[":status"]));
    call.resume();
  });
  await both.promise;
  const closed = listener.close(LONG_MS, () => undefined);
  for (const response of waiting) response.writeHead(204).end();
  expect(await Promise.all([http1, http2])).toEqual([204, 204]);
  await closed;
});
