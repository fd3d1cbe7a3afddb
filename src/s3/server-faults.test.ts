/** The promise: what fails while a connection is accepted ends neither the server nor the process. */
import { Server as TcpServer } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { NodeClock, NodeTimers } from "../platform/node/index.ts";
import { S3Server } from "./server.ts";
import { certificate } from "./testing/certificate.ts";
import { startRig } from "./testing/rig.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([false, true])(
  "each fault of a listening server is told, and it goes on (TLS: %s)",
  async (isTls) => {
    const rig = await startRig();
    const faults: Error[] = [];
    const server = new S3Server({
      gateway: rig.gateway,
      clock: new NodeClock(),
      timers: new NodeTimers(),
      onFault: (error) => faults.push(error),
      ...(isTls && { tls: await certificate(1) }),
    });
    const listen = vi.spyOn(TcpServer.prototype, "listen");
    await server.listen({ host: "127.0.0.1", port: 0 });
    const [tcp] = listen.mock.contexts as TcpServer[];
    const full = [new Error("EMFILE: too many open files"), new Error("ENFILE: file table overflow")];
    for (const error of full) tcp?.emit("error", error);
    expect(faults).toEqual(full);
    expect(tcp?.listening).toBe(true);
    await server.close(1000);
    await rig.close();
  },
);
