import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { NodeClock, NodeTimers } from "../platform/node/index.ts";
import { S3Server } from "./server.ts";
import { certificate } from "./testing/certificate.ts";
import { type Rig, startRig } from "./testing/rig.ts";

function get(port: number): Promise<{ status: number | undefined; protocol: string | null; serial: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port, path: "/", rejectUnauthorized: false, agent: false },
      (response) => {
        const socket = response.socket as TLSSocket;
        const serial = socket.getPeerCertificate().serialNumber;
        response.resume();
        response.on("end", () =>
          resolve({ status: response.statusCode, protocol: socket.getProtocol(), serial }),
        );
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

describe("TLS", () => {
  let rig: Rig;
  let server: S3Server;

  afterEach(async () => {
    await server.close(1000);
    await rig.close();
  });

  it("serves with a certificate, and with another without a restart", async () => {
    rig = await startRig();
    const first = await certificate(1);
    server = new S3Server({
      gateway: rig.gateway,
      clock: new NodeClock(),
      timers: new NodeTimers(),
      tls: first,
    });
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    const before = await get(port);
    expect(before).toMatchObject({ status: 403, protocol: "TLSv1.3" });
    server.reloadTls(await certificate(2));
    const after = await get(port);
    expect(after.status).toBe(403);
    expect(after.serial).not.toBe(before.serial);
  });
});
