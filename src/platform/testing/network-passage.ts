/** A TCP way to a listener whose connections can be reset or silenced: for tests of real networks on one machine. */

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { SocketAddress } from "../ports.ts";
import type { Passage } from "./network-suite.ts";

export class TcpPassage implements Passage {
  readonly #destination: SocketAddress;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isCut = false;

  constructor(destination: SocketAddress) {
    this.#destination = destination;
    this.#server = createServer((near) => this.#forward(near));
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get address(): SocketAddress {
    return { host: "127.0.0.1", port: (this.#server.address() as AddressInfo).port };
  }

  reset(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  cut(): void {
    this.#isCut = true;
    for (const pair of this.#pairs) this.#silence(pair);
  }

  heal(): void {
    this.#isCut = false;
    // Connections of before the cut are dead for good, as behind a firewall that has forgotten them.
    this.reset();
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #forward(near: Socket): void {
    const far = connect(this.#destination.port, this.#destination.host);
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const socket of pair) socket.on("error", () => {});
    near.on("close", () => this.#end(pair, far));
    far.on("close", () => this.#end(pair, near));
    if (this.#isCut) {
      this.#silence(pair);
      return;
    }
    near.pipe(far);
    far.pipe(near);
  }

  /** One side has closed: the other one learns of it, unless the way is cut. */
  #end(pair: readonly [Socket, Socket], other: Socket): void {
    if (this.#isCut) return;
    this.#pairs.delete(pair);
    other.resetAndDestroy();
  }

  #silence(pair: readonly [Socket, Socket]): void {
    const [near, far] = pair;
    near.unpipe(far);
    far.unpipe(near);
    near.pause();
    far.pause();
  }
}
