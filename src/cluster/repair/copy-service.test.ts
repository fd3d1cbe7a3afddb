import { beforeEach, describe, expect, test } from "vitest";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { TestWire } from "../testing/streams.ts";
import type { CopyOutcome, WantedBlob } from "./copier.ts";
import { COPY_PATH, copyHandler, requestCopies } from "./copy-service.ts";
import { MAX_STEP_CHUNKS } from "./decide.ts";
import { MAX_REQUEST_BLOBS } from "./plan.ts";

const ADDRESS = { host: "node-2", port: 7400 };
const WANTED: readonly WantedBlob[] = [
  { blobId: new Uint8Array(16).fill(1), chunks: [{ index: 3, sources: [1, 4] }] },
];
const OUTCOMES: readonly CopyOutcome[] = [
  { blobId: new Uint8Array(16).fill(1), recordedBytes: 7, problem: undefined },
  { blobId: new Uint8Array(16).fill(2), recordedBytes: 0, problem: "the blob is gone" },
];

let wire: TestWire;
let asked: (readonly WantedBlob[])[];
let answer: (wanted: readonly WantedBlob[], signal: AbortSignal) => Promise<readonly CopyOutcome[]>;
let simulation: Simulation;

beforeEach(() => {
  wire = new TestWire();
  asked = [];
  answer = async () => OUTCOMES;
  simulation = new Simulation(1);
  const handlers = copyHandler({
    identity: { clusterId: "cluster", incarnation: "life-2" },
    isMember: ({ nodeId }) => nodeId === 1,
    copier: {
      copy: (wanted, signal) => {
        asked.push(wanted);
        return answer(wanted, signal);
      },
    },
  });
  wire.serve("node-2:7400", { identity: { clusterId: "cluster", nodeId: 2 }, handlers });
});

function connect(caller: { clusterId: string; nodeId: number } | undefined) {
  return wire.networkOf(caller).connect({ address: ADDRESS }, "bulk");
}

function request(
  options: {
    caller?: { clusterId: string; nodeId: number } | undefined;
    clusterId?: string;
    incarnation?: string;
    wanted?: readonly WantedBlob[];
    signal?: AbortSignal;
  } = {},
): Promise<readonly CopyOutcome[]> {
  const { timers } = new SimMachine(simulation, "m").boot().platform;
  const caller = "caller" in options ? options.caller : { clusterId: "cluster", nodeId: 1 };
  const target = { connection: connect(caller), incarnation: options.incarnation ?? "life-2" };
  const { clusterId = "cluster", wanted = WANTED, signal = new AbortController().signal } = options;
  return requestCopies({ clusterId, timers }, target, wanted, signal);
}

test("a member's request reaches the copier as it was made, and its outcomes come back", async () => {
  expect(await request()).toEqual(OUTCOMES);
  expect(asked).toEqual([WANTED]);
});

describe("refused, and nothing is copied:", () => {
  const many = (count: number) => Array.from({ length: count }, () => WANTED[0]!);
  test.each<[string, Parameters<typeof request>[0], string]>([
    ["a caller without a certificate", { caller: undefined }, "no certificate"],
    ["a node that is no member", { caller: { clusterId: "cluster", nodeId: 9 } }, "not a member"],
    ["a node of another cluster", { caller: { clusterId: "other", nodeId: 1 } }, "not a member"],
    ["a request for another cluster", { clusterId: "other" }, "this is cluster cluster"],
    ["a request for another life of the node", { incarnation: "life-1" }, "this is incarnation life-2"],
    ["too many blobs", { wanted: many(MAX_REQUEST_BLOBS + 1) }, "more than one call may ask for"],
    [
      "too many chunks",
      {
        wanted: [
          {
            blobId: new Uint8Array(16),
            chunks: Array.from({ length: MAX_STEP_CHUNKS + 1 }, (_, index) => ({ index, sources: [] })),
          },
        ],
      },
      "more than one call may ask for",
    ],
    [
      "a blob id that is none",
      { wanted: [{ blobId: new Uint8Array(3), chunks: [] }] },
      "more than one call may ask for",
    ],
  ])("%s", async (_, options, message) => {
    await expect(request(options)).rejects.toMatchObject({
      code: "peer-unavailable",
      message: expect.stringContaining(message),
    });
    expect(asked).toEqual([]);
  });
});

test("bytes that are no request are refused", async () => {
  const stream = connect({ clusterId: "cluster", nodeId: 1 }).openStream(COPY_PATH, {
    kind: "unary",
    maxMessageBytes: 1024,
  });
  const closed = new Promise((resolve) => {
    stream.onClose = (error) => resolve(error?.code);
  });
  stream.send([new Uint8Array([0xff, 0xff, 0xff])]);
  expect(await closed).toBe("invalid_argument");
});

test("a fifth call at once is refused, and a later one is not", async () => {
  let finish = (): void => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  answer = async () => {
    await gate;
    return OUTCOMES;
  };
  const running = Array.from({ length: 4 }, () => request());
  await expect(request()).rejects.toMatchObject({ message: "too many copies at once" });
  finish();
  for (const each of running) expect(await each).toEqual(OUTCOMES);
  expect(await request()).toEqual(OUTCOMES);
});

test("a caller that gives up ends the copying", async () => {
  const abort = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    answer = (_, signal) => {
      abort.abort();
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          resolve();
          reject(new Error("aborted"));
        });
      });
    };
  });
  await expect(request({ signal: abort.signal })).rejects.toMatchObject({ code: "peer-unavailable" });
  await stopped;
});

test("an error on the other side is an unavailable peer", async () => {
  answer = () => Promise.reject(new Error("no quorum"));
  await expect(request()).rejects.toMatchObject({ code: "peer-unavailable", message: "no quorum" });
});
