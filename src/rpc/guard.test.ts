import { Code, type ConnectError, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { Principal } from "../access/index.ts";
import type { ObjectStore } from "../object/index.ts";
import { Guard, type GuardOptions } from "./guard.ts";
import type { RpcEvent } from "./ports.ts";

function begin(answer: () => AsyncIterable<number>) {
  const unexpected: unknown[] = [];
  const events: RpcEvent[] = [];
  const options: Partial<GuardOptions> = {
    authenticator: {
      authenticate: () => ({ kind: "authenticated", principal: { keyId: "key" } as Principal }),
    },
    gate: { authorize: () => ({ kind: "allow" }) },
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    objects: { asOfNow: () => undefined } as Partial<ObjectStore> as ObjectStore,
    limits: { take: () => ({ kind: "allow" }), enter: () => () => undefined },
    hooks: { onCall: (event) => events.push(event), onUnexpectedError: (error) => unexpected.push(error) },
  };
  const context = { values: createContextValues(), requestHeader: new Headers() } as HandlerContext;
  const guard = new Guard(options as GuardOptions);
  const messages = guard.stream("ObjectService/GetObject", context, [], answer)[Symbol.asyncIterator]();
  return { messages, unexpected, events };
}

test("a caller that leaves a stream is no unexpected error, whatever the socket says", async () => {
  let ended = 0;
  const { messages, unexpected, events } = begin(async function* () {
    try {
      for (let at = 0; ; at++) yield at;
    } finally {
      ended++;
    }
  });
  await messages.next();
  const left = messages.throw?.(Object.assign(new Error("write ECANCELED"), { code: "ECANCELED" }));
  await expect(left).rejects.toMatchObject({ code: Code.Canceled } satisfies Partial<ConnectError>);
  expect(unexpected).toEqual([]);
  expect(events.map(({ outcome }) => outcome)).toEqual(["canceled"]);
  expect(ended).toBe(1);
});

test("an error of the stream itself is one", async () => {
  const fault = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  const { messages, unexpected, events } = begin(async function* () {
    yield 1;
    throw fault;
  });
  await messages.next();
  await expect(messages.next()).rejects.toMatchObject({ code: Code.Internal });
  expect(unexpected).toEqual([fault]);
  expect(events.map(({ outcome }) => outcome)).toEqual(["internal"]);
});
