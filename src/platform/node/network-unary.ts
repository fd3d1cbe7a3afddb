/**
 * Calls in Connect's unary form: one message each way as the bare body of a POST, errors as JSON with the HTTP status of their code. As a
 * `MessageStream`, `send` implies `end` on both sides.
 *
 * Source: https://connectrpc.com/docs/protocol#unary-rpcs
 */

import { constants, type Http2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { GrowingBuffer } from "../../base/index.ts";
import type { StreamError } from "../ports.ts";
import { errorJson, errorOfStatus, parseErrorJson, parseJson, statusOfCode } from "./network-codes.ts";
import type { NetworkLimits } from "./network-limits.ts";
import { cancelHttp, HttpMessageStream, type StreamCarrier } from "./network-stream.ts";

export const UNARY_CONTENT_TYPE = "application/proto";
const ERROR_CONTENT_TYPE = "application/json";

/** Small pieces that follow each other are put together up to this many bytes. */
const PUT_TOGETHER_BYTES = 64 * 1024;

/** A body that is collected piece by piece, without copies but of small pieces: each of them costs some hundred bytes, and keeps the read buffer that it lies in. */
export class Body {
  readonly #copyBelowBytes: number;
  readonly #pieces: Uint8Array[] = [];
  /** What follows the pieces. */
  #small: GrowingBuffer | undefined;
  #sizeBytes = 0;

  constructor(copyBelowBytes: number) {
    this.#copyBelowBytes = copyBelowBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#sizeBytes += piece.length;
    if (piece.length >= this.#copyBelowBytes) {
      this.#endSmall();
      this.#pieces.push(piece);
      return;
    }
    this.#small ??= new GrowingBuffer(PUT_TOGETHER_BYTES);
    this.#small.append(piece);
    if (this.#small.sizeBytes >= PUT_TOGETHER_BYTES) this.#endSmall();
  }

  /** All of it. */
  pieces(): readonly Uint8Array[] {
    this.#endSmall();
    return this.#pieces;
  }

  #endSmall(): void {
    if (this.#small !== undefined) this.#pieces.push(this.#small.bytes());
    this.#small = undefined;
  }
}

abstract class UnaryStream extends HttpMessageStream {
  protected readonly body: Body;
  #complete = false;

  /** `copyBelowBytes`: smaller pieces that are received are copied. */
  constructor(limits: NetworkLimits, maxMessageBytes: number, copyBelowBytes = limits.copyBelowBytes) {
    super(limits, maxMessageBytes);
    this.body = new Body(copyBelowBytes);
  }

  override send(parts: readonly Uint8Array[]): boolean {
    const open = super.send(parts);
    this.end();
    return open;
  }

  protected override receive(chunk: Uint8Array): void {
    this.body.push(chunk);
    if (this.body.sizeBytes > this.bodyLimitBytes) {
      this.fail(
        "resource_exhausted",
        `a message is larger than the ${this.bodyLimitBytes} bytes that are taken`,
      );
    }
  }

  protected get bodyLimitBytes(): number {
    return this.maxMessageBytes;
  }

  /** The one message is there: hands it on, now or when the stream is continued. */
  protected deliverBody(): void {
    this.#complete = true;
    this.continueDelivery();
  }

  protected override continueDelivery(): void {
    if (!this.#complete || this.isPaused || this.isClosed) return;
    this.#complete = false;
    this.deliver(this.body.pieces(), this.body.sizeBytes);
    this.deliverEnd();
  }
}

/** The side that makes the call. */
export class UnaryClientStream extends UnaryStream {
  protected override readonly endsWithRemote = true;
  #status = 0;
  /** What the response promises, in bytes; undefined when it does not. */
  #contentLength: number | undefined;

  override attach(http: Http2Stream, carrier: StreamCarrier): void {
    http.once("response", (headers: IncomingHttpHeaders) => this.#onResponse(headers));
    super.attach(http, carrier);
  }

  #onResponse(headers: IncomingHttpHeaders): void {
    this.#status = Number(headers[":status"]);
    const length = headers["content-length"];
    this.#contentLength = length === undefined ? undefined : Number(length);
    const contentType = headers["content-type"];
    if (this.#status === 200 && contentType !== UNARY_CONTENT_TYPE) {
      this.fail("internal", `the peer answered a call with content type ${contentType ?? "none"}`);
      return;
    }
    if (this.#status !== 200 && contentType !== ERROR_CONTENT_TYPE)
      this.failWith(errorOfStatus(this.#status));
  }

  protected override get bodyLimitBytes(): number {
    return this.#status === 200 ? this.maxMessageBytes : this.limits.maxErrorBytes;
  }

  protected override writeMessage(
    http: Http2Stream,
    parts: readonly Uint8Array[],
    _sizeBytes: number,
    onWritten: () => void,
  ): void {
    http.cork();
    for (const part of parts) http.write(part, onWritten);
    http.uncork();
  }

  protected override writeEnd(http: Http2Stream): void {
    http.end();
  }

  protected override writeFailure(http: Http2Stream): void {
    cancelHttp(http);
  }

  protected override receiveEnd(): void {
    // A peer that resets a stream with NO_ERROR makes the end look regular: the length tells.
    if (this.#contentLength !== undefined && this.#contentLength !== this.body.sizeBytes) {
      this.fail("unavailable", "the answer was cut off");
      return;
    }
    if (this.#status === 200) {
      this.deliverBody();
      return;
    }
    const error = parseErrorJson(parseJson(Buffer.concat(this.body.pieces()).toString()));
    this.failWith(error ?? errorOfStatus(this.#status));
  }
}

/** The side that answers the call. */
export class UnaryServerStream extends UnaryStream {
  protected override readonly endsWithRemote = false;
  #answered = false;

  protected override writeMessage(
    http: Http2Stream,
    parts: readonly Uint8Array[],
    sizeBytes: number,
    onWritten: () => void,
  ): void {
    this.#answered = true;
    if (http.destroyed || http.closed) return;
    (http as ServerHttp2Stream).respond({
      ":status": 200,
      "content-type": UNARY_CONTENT_TYPE,
      "content-length": sizeBytes,
    });
    http.cork();
    for (const part of parts) http.write(part, onWritten);
    http.uncork();
  }

  protected override writeEnd(http: Http2Stream): void {
    if (this.#answered) {
      http.end();
    } else {
      this.#writeError(http, { code: "internal", message: "the call was ended without an answer" });
    }
  }

  protected override writeFailure(http: Http2Stream, error: StreamError): void {
    if (!this.#answered) this.#writeError(http, error);
    http.close(constants.NGHTTP2_NO_ERROR);
  }

  protected override receiveEnd(): void {
    this.deliverBody();
  }

  #writeError(http: Http2Stream, error: StreamError): void {
    this.#answered = true;
    if (http.destroyed || http.closed) return;
    const json = Buffer.from(JSON.stringify(errorJson(error)));
    (http as ServerHttp2Stream).respond({
      ":status": statusOfCode(error.code),
      "content-type": ERROR_CONTENT_TYPE,
      "content-length": json.length,
    });
    http.end(json);
  }
}
