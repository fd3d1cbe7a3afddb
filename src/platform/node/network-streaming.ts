/**
 * Streams in Connect's streaming form: each message in an envelope, the end of the server's side in one with the end flag. The client's
 * side ends with HTTP/2's END_STREAM alone.
 */

import { constants, type Http2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { StreamError } from "../ports.ts";
import { endStreamJson, errorOfStatus, parseEndStream } from "./network-codes.ts";
import {
  type Envelope,
  EnvelopeReader,
  envelopeHeader,
  FLAG_COMPRESSED,
  FLAG_END_STREAM,
  FLAG_MESSAGE,
  smallEnvelope,
} from "./network-envelope.ts";
import type { NetworkLimits } from "./network-limits.ts";
import { cancelHttp, HttpMessageStream, type StreamCarrier } from "./network-stream.ts";

export const STREAM_CONTENT_TYPE = "application/connect+proto";

abstract class EnvelopeStream extends HttpMessageStream {
  readonly #reader: EnvelopeReader;

  constructor(limits: NetworkLimits, maxMessageBytes: number) {
    super(limits, maxMessageBytes);
    this.#reader = new EnvelopeReader(maxMessageBytes);
  }

  protected abstract receiveEnvelope(envelope: Envelope & { readonly kind: "envelope" }): void;

  protected override writeMessage(
    http: Http2Stream,
    parts: readonly Uint8Array[],
    sizeBytes: number,
    onWritten: () => void,
  ): void {
    if (sizeBytes <= this.limits.copyBelowBytes) {
      http.write(smallEnvelope(parts, sizeBytes), onWritten);
      return;
    }
    // Corked, header and parts leave as one vector of buffers: the payload is not copied.
    http.cork();
    http.write(envelopeHeader(FLAG_MESSAGE, sizeBytes));
    const last = parts.length - 1;
    for (let i = 0; i < last; i++) http.write(parts[i]!);
    http.write(parts[last]!, onWritten);
    http.uncork();
  }

  protected override receive(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    this.continueDelivery();
  }

  protected override continueDelivery(): void {
    while (!this.isPaused && !this.isClosed) {
      const envelope = this.#reader.next();
      if (envelope === undefined) return;
      if (envelope.kind === "too-large") {
        this.fail(
          "resource_exhausted",
          `a message of ${envelope.sizeBytes} bytes is larger than the ${this.maxMessageBytes} bytes that are taken`,
        );
        return;
      }
      this.receiveEnvelope(envelope);
    }
  }

  protected get isBetweenEnvelopes(): boolean {
    return this.#reader.isBetweenEnvelopes;
  }
}

/** The side that opened the stream. */
export class StreamingClientStream extends EnvelopeStream {
  protected override readonly endsWithRemote = true;

  override attach(http: Http2Stream, carrier: StreamCarrier): void {
    http.once("response", (headers: IncomingHttpHeaders) => this.#onResponse(headers));
    super.attach(http, carrier);
  }

  #onResponse(headers: IncomingHttpHeaders): void {
    const status = Number(headers[":status"]);
    if (status !== 200) {
      this.failWith(errorOfStatus(status));
      return;
    }
    if (headers["content-type"] !== STREAM_CONTENT_TYPE) {
      this.fail(
        "internal",
        `the peer answered a stream with content type ${headers["content-type"] ?? "none"}`,
      );
    }
  }

  protected override writeEnd(http: Http2Stream): void {
    http.end();
  }

  protected override writeFailure(http: Http2Stream): void {
    // Connect has no error from client to server: the server sees the call canceled.
    cancelHttp(http);
  }

  protected override receiveEnvelope(envelope: Envelope & { readonly kind: "envelope" }): void {
    if (envelope.flags === FLAG_MESSAGE) {
      this.deliver(envelope.pieces, envelope.sizeBytes);
      return;
    }
    if (envelope.flags !== FLAG_END_STREAM) {
      this.fail(
        "internal",
        `an envelope has the flags 0x${envelope.flags.toString(16)}, which nobody asked for`,
      );
      return;
    }
    const end = parseEndStream(Buffer.concat(envelope.pieces).toString());
    if (end.kind === "ok") {
      this.deliverEnd();
      return;
    }
    this.failWith(
      end.kind === "error" ? end.error : { code: "internal", message: "the end of the stream is malformed" },
    );
  }

  protected override receiveEnd(): void {
    if (!this.isRemoteEnded) this.fail("internal", "the peer's side of the stream stopped without an end");
  }
}

/** The side that serves the stream. */
export class StreamingServerStream extends EnvelopeStream {
  protected override readonly endsWithRemote = false;

  /** Sends the response's headers, which a client may be waiting for before it sends anything. */
  respond(): void {
    const http = this.http as ServerHttp2Stream | undefined;
    if (http === undefined || http.destroyed || http.closed || http.headersSent) return;
    http.respond({ ":status": 200, "content-type": STREAM_CONTENT_TYPE });
  }

  protected override writeMessage(
    http: Http2Stream,
    parts: readonly Uint8Array[],
    sizeBytes: number,
    onWritten: () => void,
  ): void {
    this.respond();
    super.writeMessage(http, parts, sizeBytes, onWritten);
  }

  protected override writeEnd(http: Http2Stream): void {
    this.#writeEndStream(http, undefined);
  }

  protected override writeFailure(http: Http2Stream, error: StreamError): void {
    // A stream that has ended cannot carry an error any more; the reset says that the rest is not wanted.
    if (!this.isLocalEnded) this.#writeEndStream(http, error);
    http.close(constants.NGHTTP2_NO_ERROR);
  }

  protected override receiveEnvelope(envelope: Envelope & { readonly kind: "envelope" }): void {
    if (envelope.flags === FLAG_MESSAGE) {
      this.deliver(envelope.pieces, envelope.sizeBytes);
      return;
    }
    if (envelope.flags & FLAG_COMPRESSED) {
      this.fail("internal", "an envelope is compressed without an encoding");
    } else {
      this.fail("invalid_argument", `an envelope has the unknown flags 0x${envelope.flags.toString(16)}`);
    }
  }

  protected override receiveEnd(): void {
    if (this.isBetweenEnvelopes) {
      this.deliverEnd();
      return;
    }
    this.fail("invalid_argument", "the stream ended within a message");
  }

  #writeEndStream(http: Http2Stream, error: StreamError | undefined): void {
    this.respond();
    if (http.destroyed || http.closed) return;
    const json = Buffer.from(endStreamJson(error));
    http.end(Buffer.concat([envelopeHeader(FLAG_END_STREAM, json.length), json]));
  }
}
