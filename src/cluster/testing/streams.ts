/**
 * For tests: an in-memory wire between a `PeerConnection` and the handlers of one node. Messages arrive in later microtasks, in order; a broken
 * wire loses what is under way and ends streams when they are next used.
 */

import { concatBytes } from "../../base/index.ts";
import { StreamFailure } from "../../platform/index.ts";
import type {
  ConnectionClass,
  MessageStream,
  Network,
  PeerConnection,
  PeerIdentity,
  PeerTarget,
  StreamError,
  StreamErrorCode,
  StreamHandler,
} from "../../platform/ports.ts";

/** One end of a stream. */
class WireEnd implements MessageStream {
  onMessage: MessageStream["onMessage"] = () => {};
  onEnd: MessageStream["onEnd"] = () => {};
  onClose: MessageStream["onClose"] = () => {};
  other: WireEnd | undefined;
  isCut: () => boolean = () => false;
  #ended = false;
  #closed = false;

  get isEnded(): boolean {
    return this.#ended;
  }

  send(parts: readonly Uint8Array[]): boolean {
    const message = concatBytes(parts);
    this.#later(() => {
      if (!this.isCut()) this.other?.onMessage([message], message.length);
    });
    return true;
  }

  drained(): Promise<void> {
    return this.#closed ? Promise.reject(new StreamFailure("canceled", "closed")) : Promise.resolve();
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#later(() => {
      this.other?.onEnd();
      if (this.other?.isEnded === true) this.#closeBoth(undefined);
    });
  }

  fail(code: StreamErrorCode, message: string): void {
    this.#later(() => this.#closeBoth({ code, message }));
  }

  #later(action: () => void): void {
    queueMicrotask(() => {
      if (!this.#closed) action();
    });
  }

  #closeBoth(error: StreamError | undefined): void {
    for (const end of [this, this.other]) {
      if (end === undefined || end.#closed) continue;
      end.#closed = true;
      end.onClose(error);
    }
  }
}

export interface ServedNode {
  readonly identity: PeerIdentity;
  readonly handlers: ReadonlyMap<string, StreamHandler>;
}

/** Joins nodes by "host:port". */
export class TestWire {
  readonly #nodes = new Map<string, ServedNode>();
  readonly #cut = new Set<string>();

  serve(address: string, node: ServedNode): void {
    this.#nodes.set(address, node);
  }

  /** Takes a node off the net, and back. */
  cut(address: string, isCut: boolean): void {
    if (isCut) this.#cut.add(address);
    else this.#cut.delete(address);
  }

  /** The network as one node sees it; `caller` undefined: without a certificate. */
  networkOf(caller: PeerIdentity | undefined): Pick<Network, "connect"> {
    return { connect: (target, _connectionClass: ConnectionClass) => this.#connection(target, caller) };
  }

  #connection(target: PeerTarget, caller: PeerIdentity | undefined): PeerConnection {
    const address = `${target.address.host}:${target.address.port}`;
    return {
      target,
      isConnected: () => !this.#cut.has(address),
      close: () => {},
      openStream: (path) => {
        const near = new WireEnd();
        const far = new WireEnd();
        near.other = far;
        far.other = near;
        near.isCut = far.isCut = () => this.#cut.has(address);
        queueMicrotask(() => this.#accept(address, path, far, caller));
        return near;
      },
    };
  }

  #accept(address: string, path: string, far: WireEnd, caller: PeerIdentity | undefined): void {
    const node = this.#cut.has(address) ? undefined : this.#nodes.get(address);
    const handler = node?.handlers.get(path);
    if (node === undefined) far.fail("unavailable", "connection refused");
    else if (handler === undefined) far.fail("unimplemented", path);
    else if (caller === undefined && handler.anonymous !== true)
      far.fail("unauthenticated", "no certificate");
    else handler.open(far, caller);
  }
}
