/**
 * A connection to one peer: nothing until the first stream, then one HTTP/2 session that all streams share, dialled again on the next use after
 * it broke.
 *
 *     idle --openStream--> dialling --ok--> up --broke, GOAWAY, other credentials--> idle
 *                             |                                                       ^
 *                             +--failed--> resting --time is over--------------------+
 *
 * While resting, streams fail at once with "unavailable" and nobody waits for a peer that is known to be gone.
 */

import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { TransientSet } from "../../base/index.ts";
import { Backoff } from "../network-backoff.ts";
import type { MessageStream, PeerConnection, PeerTarget, StreamError } from "../ports.ts";
import type { NetworkLimits } from "./network-limits.ts";
import { sessionOptions, WatchedSession } from "./network-session.ts";
import { STREAM_CONTENT_TYPE, StreamingClientStream } from "./network-streaming.ts";
import {
  clientTlsOptions,
  fetchPinnedCa,
  type NodeCredentials,
  PeerIdentityError,
  secured,
  whyNotNow,
} from "./network-tls.ts";
import { UNARY_CONTENT_TYPE, UnaryClientStream } from "./network-unary.ts";

/** How a connection proves who it is and whom it believes: the credentials of a node, or a pinned CA. Asked at every dial. */
export type DialTrust =
  | { readonly kind: "node"; readonly clusterId: string; readonly credentials: () => NodeCredentials }
  | { readonly kind: "pinned-ca"; readonly fingerprintSha256: string };

type ClientStream = StreamingClientStream | UnaryClientStream;

interface WaitingStream {
  readonly stream: ClientStream;
  readonly path: string;
  readonly contentType: string;
}

interface Session {
  readonly session: ClientHttp2Session;
  readonly watched: WatchedSession;
  /** With what it was dialled. */
  readonly credentials: NodeCredentials | undefined;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "dialling"; readonly waiting: WaitingStream[] }
  | ({ readonly kind: "up" } & Session)
  | { readonly kind: "resting"; readonly untilMs: number; readonly error: StreamError }
  | { readonly kind: "closed" };

export interface PeerConnectionOptions {
  readonly target: PeerTarget;
  readonly trust: DialTrust;
  readonly limits: NetworkLimits;
  /** Called once, when the connection has been closed. */
  readonly onClosed?: () => void;
}

export class NodePeerConnection implements PeerConnection {
  readonly target: PeerTarget;
  readonly #trust: DialTrust;
  readonly #limits: NetworkLimits;
  readonly #backoff: Backoff;
  readonly #onClosed: () => void;
  readonly #streams = new TransientSet<ClientStream>();
  /** All sessions that are not gone yet: besides the current one those that the peer asked to leave. */
  readonly #sessions = new Set<WatchedSession>();
  /** Those that this side leaves. */
  readonly #retired = new WeakSet<ClientHttp2Session>();
  #state: State = { kind: "idle" };

  constructor(options: PeerConnectionOptions) {
    this.target = options.target;
    this.#trust = options.trust;
    this.#limits = options.limits;
    this.#onClosed = options.onClosed ?? (() => {});
    this.#backoff = new Backoff(options.limits.leastBackoffMs, options.limits.greatestBackoffMs);
  }

  isConnected(): boolean {
    return this.#state.kind === "up" && !isLeaving(this.#state.session);
  }

  openStream(
    path: string,
    options: { readonly kind: "unary" | "stream"; readonly maxMessageBytes: number },
  ): MessageStream {
    const unary = options.kind === "unary";
    const stream = new (unary ? UnaryClientStream : StreamingClientStream)(
      this.#limits,
      options.maxMessageBytes,
    );
    this.#streams.add(stream);
    stream.whenReleased(() => this.#streams.delete(stream));
    this.#place({ stream, path, contentType: unary ? UNARY_CONTENT_TYPE : STREAM_CONTENT_TYPE });
    return stream;
  }

  close(): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed" };
    for (const stream of this.#streams) stream.fail("canceled", "the connection was closed by this side");
    for (const session of this.#sessions) session.destroy("the connection was closed by this side");
    this.#onClosed();
  }

  #place(waiting: WaitingStream): void {
    if (this.#state.kind === "resting" && performance.now() >= this.#state.untilMs)
      this.#state = { kind: "idle" };
    if (this.#state.kind === "up") this.#leaveUnfit(this.#state);
    const state = this.#state;
    switch (state.kind) {
      case "idle":
        this.#state = { kind: "dialling", waiting: [waiting] };
        void this.#dial();
        return;
      case "dialling":
        if (state.waiting.length < this.#limits.maxWaitingStreams) state.waiting.push(waiting);
        else waiting.stream.fail("resource_exhausted", "too many streams wait for the connection");
        return;
      case "up":
        this.#request(state.session, state.watched, waiting);
        return;
      case "resting":
        waiting.stream.failWith(state.error);
        return;
      case "closed":
        waiting.stream.fail("canceled", "the connection was closed by this side");
        return;
    }
  }

  #leaveUnfit({ session, credentials }: Session): void {
    // A session that is breaking says so before its close event does.
    if (isLeaving(session)) {
      this.#state = { kind: "idle" };
    } else if (credentials !== this.#credentials()) {
      // The peer has judged it by the old ones, which may be over. What goes on there ends it.
      this.#state = { kind: "idle" };
      this.#retired.add(session);
      session.close();
    }
  }

  #credentials(): NodeCredentials | undefined {
    return this.#trust.kind === "node" ? this.#trust.credentials() : undefined;
  }

  #request(session: ClientHttp2Session, watched: WatchedSession, waiting: WaitingStream): void {
    if (waiting.stream.isClosed) return;
    const { host, port } = this.target.address;
    const http = session.request(
      {
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_SCHEME]: "https",
        [constants.HTTP2_HEADER_AUTHORITY]: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
        [constants.HTTP2_HEADER_PATH]: waiting.path,
        "content-type": waiting.contentType,
        "connect-protocol-version": "1",
      },
      { endStream: false },
    );
    waiting.stream.attach(http, watched);
  }

  /** Never rejects: what goes wrong ends the streams that wait. */
  async #dial(): Promise<void> {
    try {
      const credentials = this.#credentials();
      const socket = await this.#openSocket(credentials);
      if (this.#state.kind !== "dialling") return void socket.destroy();
      this.#adopt(socket, credentials, this.#state.waiting);
    } catch (error) {
      this.#dialFailed(error);
    }
  }

  async #openSocket(credentials: NodeCredentials | undefined): Promise<TLSSocket> {
    const { address, nodeId } = this.target;
    const trust = this.#trust;
    const caCertificatePem =
      trust.kind === "node"
        ? trust.credentials().caCertificatePem
        : await fetchPinnedCa(address, trust.fingerprintSha256, this.#limits.dialTimeoutMs);
    const wanted = { clusterId: trust.kind === "node" ? trust.clusterId : undefined, nodeId };
    const socket = connectTls(clientTlsOptions(address, caCertificatePem, wanted, credentials));
    await secured(socket, this.#limits.dialTimeoutMs);
    return socket;
  }

  #adopt(
    socket: TLSSocket,
    credentials: NodeCredentials | undefined,
    waiting: readonly WaitingStream[],
  ): void {
    const { host, port } = this.target.address;
    const session = connectHttp2(`https://${host.includes(":") ? `[${host}]` : host}:${port}`, {
      ...sessionOptions(this.#limits),
      createConnection: () => socket,
      peerMaxConcurrentStreams: this.#limits.maxConcurrentStreams,
    });
    const watched = new WatchedSession(session, socket, this.#limits);
    const upSinceMs = performance.now();
    this.#sessions.add(watched);
    this.#state = { kind: "up", session, watched, credentials };
    session.on("goaway", () => this.#retire(session));
    session.on("close", () => {
      this.#sessions.delete(watched);
      this.#retire(session);
      if (this.#retired.has(session)) return;
      if (performance.now() - upSinceMs >= this.#limits.stableAfterMs) this.#backoff.succeeded();
      else this.#rest(watched.lossReason() ?? "the connection was closed");
    });
    for (const one of waiting) this.#request(session, watched, one);
  }

  /** No new streams on this session. */
  #retire(session: ClientHttp2Session): void {
    if (this.#state.kind === "up" && this.#state.session === session) this.#state = { kind: "idle" };
  }

  /** A connection that broke soon after it stood: the next one is not dialled at once. */
  #rest(reason: string): void {
    if (this.#state.kind !== "idle") return;
    const delayMs = this.#backoff.failed(Math.random());
    const error: StreamError = { code: "unavailable", message: `resting after a failure: ${reason}` };
    this.#state = { kind: "resting", untilMs: performance.now() + delayMs, error };
  }

  #dialFailed(cause: unknown): void {
    const error = errorOfDial(cause);
    const delayMs = this.#backoff.failed(Math.random());
    const state = this.#state;
    if (state.kind !== "dialling") return;
    this.#state = { kind: "resting", untilMs: performance.now() + delayMs, error };
    for (const { stream } of state.waiting) stream.failWith(error);
  }
}

function isLeaving(session: ClientHttp2Session): boolean {
  return session.closed || session.destroyed;
}

/** OpenSSL's verdicts on a chain, as Node names them. */
const CHAIN_ERROR = /CERT|ISSUER|SELF_SIGNED|UNABLE_TO_VERIFY|CRL|PATH_LENGTH|INVALID_PURPOSE/;

function errorOfDial(cause: unknown): StreamError {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (error instanceof PeerIdentityError) return { code: "unauthenticated", message: error.message };
  // It may be over when the clocks are right.
  const dates = whyNotNow("the peer's certificate", code);
  if (dates !== undefined) return { code: "unavailable", message: dates };
  if (CHAIN_ERROR.test(code)) {
    return { code: "unauthenticated", message: "the peer's certificate is not one of this cluster's CA" };
  }
  return { code: "unavailable", message: `cannot connect: ${error.message}` };
}
