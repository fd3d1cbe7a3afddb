/**
 * What the network between two nodes carries on this machine, under mutual TLS: bulk bytes in one direction and small messages back and forth,
 * each end in a process of its own.
 *
 *     node test/bench/network.ts [seconds for each figure]
 */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createNodeNetwork, type NodeNetwork } from "../../src/platform/node/network.ts";
import type { MessageStream, PeerConnection, StreamHandler } from "../../src/platform/ports.ts";
import {
  createTestAuthority,
  type TestCredentials,
} from "../../src/platform/testing/network-certificates.ts";

const SERVER = { clusterId: "bench", nodeId: 1 };
const CLIENT = { clusterId: "bench", nodeId: 2 };
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const IN_FLIGHT = 64;
const SMALL_BYTES = 100;
const PATHS = { sink: "/bench.v1.Bench/Sink", echo: "/bench.v1.Bench/Echo", call: "/bench.v1.Bench/Call" };

/** Answers at the end of a stream with how long the process has worked, in microseconds of CPU. */
const handlers = new Map<string, StreamHandler>([
  [PATHS.sink, { kind: "stream", maxMessageBytes: MAX_MESSAGE_BYTES, open: sink }],
  [PATHS.echo, { kind: "stream", maxMessageBytes: MAX_MESSAGE_BYTES, open: echo }],
  [PATHS.call, { kind: "unary", maxMessageBytes: MAX_MESSAGE_BYTES, open: echo }],
]);

function sink(stream: MessageStream): void {
  const start = process.cpuUsage();
  stream.onEnd = () => {
    const { user, system } = process.cpuUsage(start);
    stream.send([Buffer.from(String(user + system))]);
    stream.end();
  };
}

function echo(stream: MessageStream): void {
  stream.onMessage = (pieces) => stream.send(pieces);
  stream.onEnd = () => stream.end();
}

async function serve(credentials: TestCredentials): Promise<void> {
  const network = createNodeNetwork({ identity: SERVER, ...credentials });
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, handlers);
  process.send?.(listener.address.port);
}

async function bulk(connection: PeerConnection, messageBytes: number, seconds: number): Promise<void> {
  const payload = Buffer.alloc(messageBytes, 0x5a);
  const stream = connection.openStream(PATHS.sink, { kind: "stream", maxMessageBytes: MAX_MESSAGE_BYTES });
  let serverCpuUs = 0;
  stream.onMessage = (pieces) => {
    serverCpuUs = Number(Buffer.concat(pieces).toString());
  };
  const closed = new Promise<void>((resolve) => {
    stream.onClose = () => resolve();
  });
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  let sentBytes = 0;
  while (performance.now() - startMs < seconds * 1_000) {
    sentBytes += messageBytes;
    if (!stream.send([payload])) await stream.drained();
  }
  stream.end();
  await closed;
  const gigabytes = sentBytes / 1e9;
  const { user, system } = process.cpuUsage(startCpu);
  const rate = (sentBytes / 1e6 / ((performance.now() - startMs) / 1_000)).toFixed(0);
  const cpu = `${((user + system) / 1e3 / gigabytes).toFixed(0)} + ${(serverCpuUs / 1e3 / gigabytes).toFixed(0)}`;
  console.log(`bulk ${messageBytes / 1024} KiB: ${rate} MB/s, CPU ${cpu} ms/GB (sender + receiver)`);
}

async function small(connection: PeerConnection, seconds: number): Promise<void> {
  const payload = Buffer.alloc(SMALL_BYTES, 1);
  const stream = connection.openStream(PATHS.echo, { kind: "stream", maxMessageBytes: MAX_MESSAGE_BYTES });
  const startMs = performance.now();
  let answers = 0;
  const closed = new Promise<void>((resolve) => {
    stream.onClose = () => resolve();
  });
  stream.onMessage = () => {
    answers++;
    if (performance.now() - startMs < seconds * 1_000) stream.send([payload]);
    else stream.end();
  };
  for (let i = 0; i < IN_FLIGHT; i++) stream.send([payload]);
  await closed;
  const rate = answers / ((performance.now() - startMs) / 1_000);
  console.log(
    `${SMALL_BYTES}-byte messages, ${IN_FLIGHT} in flight on one stream: ${rate.toFixed(0)} round trips/s`,
  );
}

async function unary(connection: PeerConnection, seconds: number): Promise<void> {
  const payload = Buffer.alloc(SMALL_BYTES, 1);
  const startMs = performance.now();
  let answers = 0;
  const call = (): Promise<void> =>
    new Promise((resolve) => {
      const stream = connection.openStream(PATHS.call, { kind: "unary", maxMessageBytes: MAX_MESSAGE_BYTES });
      stream.onClose = () => resolve();
      stream.send([payload]);
    });
  const worker = async (): Promise<void> => {
    while (performance.now() - startMs < seconds * 1_000) {
      await call();
      answers++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const rate = answers / ((performance.now() - startMs) / 1_000);
  console.log(`unary calls of ${SMALL_BYTES} bytes, ${IN_FLIGHT} in flight: ${rate.toFixed(0)} calls/s`);
}

async function main(seconds: number): Promise<void> {
  const authority = await createTestAuthority("bench");
  const server = fork(fileURLToPath(import.meta.url), ["--server"]);
  server.send(await authority.issue(SERVER));
  const port = await new Promise<number>((resolve) =>
    server.once("message", (message) => resolve(Number(message))),
  );
  const network: NodeNetwork = createNodeNetwork({ identity: CLIENT, ...(await authority.issue(CLIENT)) });
  const connection = network.connect({ address: { host: "127.0.0.1", port }, nodeId: SERVER.nodeId }, "bulk");
  await bulk(connection, 1024 * 1024, 0.5);
  for (const messageBytes of [256 * 1024, 1024 * 1024]) await bulk(connection, messageBytes, seconds);
  await small(connection, seconds);
  await unary(connection, seconds);
  await network.close();
  server.kill();
}

if (process.argv.includes("--server")) {
  process.once("message", (credentials) => void serve(credentials as TestCredentials));
} else {
  await main(Number(process.argv[2] ?? 3));
}
