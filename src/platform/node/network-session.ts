/** What both ends of an HTTP/2 connection do alike: options, windows, and giving up a peer that has fallen silent. */

import { constants, type Http2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { NetworkLimits } from "./network-limits.ts";
import type { StreamCarrier } from "./network-stream.ts";

/** Options of `http2.connect` and `http2.createSecureServer` alike. */
export function sessionOptions(limits: NetworkLimits) {
  return {
    settings: {
      initialWindowSize: limits.windowBytes,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: limits.maxHeaderListBytes,
      enablePush: false,
    },
    maxHeaderListPairs: limits.maxHeaderPairs,
    maxSessionMemory: limits.maxSessionMemoryMegabytes,
  };
}

/** One connection that stands: watched, and able to say why it is gone. */
export class WatchedSession implements StreamCarrier {
  readonly #session: Http2Session;
  readonly #socket: TLSSocket;
  readonly #keepAlive: NodeJS.Timeout;
  readonly #limits: NetworkLimits;
  #lossReason: string | undefined;
  #lastBytesRead = 0;
  #lastProbeMs = performance.now();
  #silentMs = 0;
  #probes = 0;

  constructor(session: Http2Session, socket: TLSSocket, limits: NetworkLimits) {
    this.#session = session;
    this.#socket = socket;
    this.#limits = limits;
    session.setLocalWindowSize(limits.windowBytes);
    session.on("error", (error) => {
      this.#lossReason ??= `the connection failed: ${error.message}`;
    });
    session.on("close", () => clearInterval(this.#keepAlive));
    this.#keepAlive = setInterval(() => this.#probe(), limits.keepAliveIntervalMs);
    this.#keepAlive.unref();
  }

  lossReason(): string | undefined {
    if (!this.#session.destroyed) return undefined;
    return this.#lossReason ?? "the peer closed the connection";
  }

  /** Ends the connection and all its streams now. */
  destroy(reason: string): void {
    this.#lossReason ??= reason;
    clearInterval(this.#keepAlive);
    // Never with NO_ERROR, which the other side could take for a regular end of its streams.
    this.#session.destroy(new Error(reason), constants.NGHTTP2_CANCEL);
    // The session would wait for everything to be written, which a dead peer never lets it.
    setImmediate(() => this.#socket.destroy());
  }

  /**
   * Silence is counted from probe to probe, each counted as at most twice the interval: a stall of this process (it was stopped, its
   * thread was busy) is not the peer's silence.
   */
  #probe(): void {
    const nowMs = performance.now();
    this.#silentMs += Math.min(nowMs - this.#lastProbeMs, 2 * this.#limits.keepAliveIntervalMs);
    this.#lastProbeMs = nowMs;
    // A session that has ended waits for the other side to close the socket, and not every side does.
    if (this.#session.destroyed) {
      this.destroy("the connection has ended");
      return;
    }
    const bytesRead = this.#socket.bytesRead;
    if (bytesRead !== this.#lastBytesRead) this.#silentMs = 0;
    this.#lastBytesRead = bytesRead;
    if (this.#silentMs >= this.#limits.keepAliveTimeoutMs) {
      this.destroy(`the peer has been silent for ${this.#limits.keepAliveTimeoutMs} ms`);
    } else if (this.#probes === 0) {
      this.#probes++;
      this.#session.ping(() => {
        this.#probes--;
        this.#silentMs = 0;
      });
    }
  }
}
