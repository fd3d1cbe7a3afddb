import { setTimeout as sleep } from "node:timers/promises";
import { createAnonymousConnection, createNodeNetwork, type NodeNetwork } from "../node/network.ts";
import { type NetworkLimits, networkLimits } from "../node/network-limits.ts";
import type { Listener, PeerConnection, PeerIdentity, SocketAddress } from "../ports.ts";
import { createTestAuthority, type TestAuthority } from "./network-certificates.ts";
import { TcpPassage } from "./network-passage.ts";
import type { NetworkHarness } from "./network-suite.ts";

/** Short times and small windows, so that tests of timeouts and of back-pressure are quick. */
export const TEST_LIMITS: Partial<NetworkLimits> = {
  windowBytes: 256 * 1024,
  sendBufferBytes: 256 * 1024,
  dialTimeoutMs: 1_000,
  leastBackoffMs: 5,
  greatestBackoffMs: 50,
  keepAliveIntervalMs: 100,
  keepAliveTimeoutMs: 500,
  drainTimeoutMs: 2_000,
};

const PATIENCE_MS = 20_000;
const SETTLE_MS = 100;

/** Real networks on loopback. */
export class NodeNetworkHarness implements NetworkHarness {
  readonly limits = networkLimits(TEST_LIMITS);
  readonly greatestBacklogBytes = this.limits.windowBytes + 2 * this.limits.sendBufferBytes;
  readonly #authorities = new Map<string, Promise<TestAuthority>>();
  readonly #known = new Map<string, TestAuthority>();
  readonly #networks: NodeNetwork[] = [];
  readonly #passages: TcpPassage[] = [];

  async authority(clusterId: string): Promise<TestAuthority> {
    let authority = this.#authorities.get(clusterId);
    if (authority === undefined) {
      authority = createTestAuthority(clusterId);
      this.#authorities.set(clusterId, authority);
    }
    this.#known.set(clusterId, await authority);
    return authority;
  }

  async join(identity: PeerIdentity): Promise<NodeNetwork> {
    const authority = await this.authority(identity.clusterId);
    const network = createNodeNetwork({
      identity,
      ...(await authority.issue(identity)),
      limits: TEST_LIMITS,
    });
    this.#networks.push(network);
    return network;
  }

  connectAnonymously(clusterId: string, address: SocketAddress): PeerConnection {
    const { fingerprintSha256 } = this.#known.get(clusterId)!;
    return createAnonymousConnection(address, {
      caFingerprintSha256: fingerprintSha256,
      limits: TEST_LIMITS,
    });
  }

  listenAddress(): SocketAddress {
    return { host: "127.0.0.1", port: 0 };
  }

  async passageTo(listener: Listener): Promise<TcpPassage> {
    const passage = new TcpPassage(listener.address);
    await passage.open();
    this.#passages.push(passage);
    return passage;
  }

  async until(isDone: () => boolean, what: string): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS;
    while (!isDone()) {
      if (performance.now() > endMs) throw new Error(`did not happen: ${what}`);
      await sleep(1);
    }
  }

  async settle(): Promise<void> {
    await sleep(SETTLE_MS);
  }

  async close(): Promise<void> {
    for (const passage of this.#passages) await passage.close();
    await Promise.all(this.#networks.map((network) => network.close()));
  }
}
