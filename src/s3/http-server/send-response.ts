import type { ServerResponse } from "node:http";
import type { ProgressWatch } from "../../platform/index.ts";
import type { S3Response } from "../http.ts";

export interface Sent {
  readonly bytesOut: number;
  /** False: the connection was cut or had gone before the last byte. */
  readonly completed: boolean;
  /** Why it was cut, when that was the source's doing. */
  readonly error: unknown;
}

export interface SendOptions {
  readonly watch: ProgressWatch;
  readonly extraHeaders: readonly string[];
  /** See S3ServerOptions. */
  readonly recycle: ((piece: Uint8Array) => void) | undefined;
  /** Called between the last byte of the answer and the end of the connection. */
  readonly beforeEnd: (() => Promise<void>) | undefined;
}

/** What a stream's first piece was, where it has been fetched before the head was sent. */
export interface OpenStream {
  readonly iterator: AsyncIterator<Uint8Array>;
  readonly first: IteratorResult<Uint8Array>;
}

/**
 * Fetches the first piece, so that a failure at the very beginning can still become a proper error. Rejects with what the source throws.
 */
export async function openStream(bytes: AsyncIterable<Uint8Array>): Promise<OpenStream> {
  const iterator = bytes[Symbol.asyncIterator]();
  return { iterator, first: await iterator.next() };
}

/**
 * Sends an answer. Never rejects. `stream` is the opened body of an answer of that kind. At once where the operating system takes all of it, as it does
 * with small answers.
 */
export function sendResponse(
  response: ServerResponse,
  answer: S3Response,
  stream: OpenStream | undefined,
  options: SendOptions,
): Sent | Promise<Sent> {
  const headers = [...answer.headers, ...options.extraHeaders];
  const { body, status } = answer;
  switch (body.kind) {
    case "none":
      if (status !== 204 && status !== 304) headers.push("Content-Length", "0");
      response.writeHead(status, headers);
      return endWith(response, undefined, options);
    case "omitted":
      headers.push("Content-Length", String(body.lengthBytes));
      response.writeHead(status, headers);
      return endWith(response, undefined, options);
    case "text": {
      const bytes = Buffer.from(body.text, "utf8");
      headers.push("Content-Length", String(bytes.length));
      response.writeHead(status, headers);
      return endWith(response, bytes, options);
    }
    case "bytes":
      headers.push("Content-Length", String(body.bytes.length));
      response.writeHead(status, headers);
      return endWith(response, body.bytes, options);
    case "stream":
      headers.push("Content-Length", String(body.lengthBytes));
      response.writeHead(status, headers);
      return sendStream(response, stream, body.lengthBytes, options);
  }
}

function endWith(
  response: ServerResponse,
  bytes: Uint8Array | undefined,
  { beforeEnd, watch }: SendOptions,
): Sent | Promise<Sent> {
  const bytesOut = bytes?.length ?? 0;
  if (beforeEnd === undefined) {
    if (bytes === undefined) response.end();
    else response.end(bytes);
    return sentOf(bytesOut, flushed(response, watch));
  }
  if (bytes === undefined) response.flushHeaders();
  else response.write(bytes);
  return beforeEnd().then(() => {
    response.end();
    return sentOf(bytesOut, flushed(response, watch));
  });
}

function sentOf(bytesOut: number, completed: boolean | Promise<boolean>): Sent | Promise<Sent> {
  return completed instanceof Promise
    ? completed.then((whole) => ({ bytesOut, completed: whole, error: undefined }))
    : { bytesOut, completed, error: undefined };
}

async function sendStream(
  response: ServerResponse,
  stream: OpenStream | undefined,
  lengthBytes: number,
  { watch, recycle }: SendOptions,
): Promise<Sent> {
  let sent = 0;
  if (stream === undefined) return cut(response, sent, new Error("a stream was not opened"));
  const { iterator } = stream;
  let step = stream.first;
  let last: Uint8Array | undefined;
  try {
    while (step.done !== true) {
      const piece = step.value;
      if (sent + piece.length > lengthBytes) throw new Error("a body is longer than its Content-Length");
      if (piece.length > 0) {
        const written = await writePiece(response, watch, piece, sent + piece.length === lengthBytes);
        if (written === "gone") {
          await iterator.return?.();
          return { bytesOut: sent, completed: false, error: undefined };
        }
        if (written === "flushed") recycle?.(piece);
        last = piece;
      }
      sent += piece.length;
      step = await iterator.next();
    }
  } catch (error) {
    return cut(response, sent, error);
  }
  if (sent < lengthBytes) return cut(response, sent, new Error("a body is shorter than its Content-Length"));
  if (lengthBytes === 0) response.end();
  const completed = await flushed(response, watch);
  if (last !== undefined && isHandedOver(response)) recycle?.(last);
  return { bytesOut: sent, completed, error: undefined };
}

/**
 * "flushed": the operating system has the bytes. "queued": there is room for more, and the bytes may still be read. "gone": the client has gone, or was
 * cut off because it did not read.
 */
type Written = "flushed" | "queued" | "gone";

async function writePiece(
  response: ServerResponse,
  watch: ProgressWatch,
  piece: Uint8Array,
  last: boolean,
): Promise<Written> {
  if (response.destroyed) return "gone";
  if (last) {
    response.end(piece);
    return "queued";
  }
  if (response.write(piece)) return "queued";
  return (await settled(response, "drain", watch, piece.length)) ? "flushed" : "gone";
}

/** The client must not take what it has for the whole. */
function cut(response: ServerResponse, bytesOut: number, error: unknown): Sent {
  response.destroy();
  return { bytesOut, completed: false, error };
}

/** Waits until the last byte is with the operating system. */
function flushed(response: ServerResponse, watch: ProgressWatch): Promise<boolean> | boolean {
  if (response.destroyed && !response.writableFinished) return false;
  if (response.writableFinished || (response.socket?.writableLength ?? 0) === 0) return true;
  return settled(response, "finish", watch, 0);
}

/** Whether the operating system has all bytes. Not while an answer before this one on the connection is under way: then it has no socket yet. */
function isHandedOver(response: ServerResponse): boolean {
  return response.writableFinished || (response.socket !== null && response.writableLength === 0);
}

/** Waits for an event of the response; false when the connection goes first. */
function settled(
  response: ServerResponse,
  event: "drain" | "finish",
  watch: ProgressWatch,
  bytes: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const transfer = watch.transfer(() => response.destroy());
    const finish = (ok: boolean) => {
      watch.end(transfer, bytes);
      response.off(event, onEvent);
      response.off("close", onClose);
      resolve(ok);
    };
    const onEvent = () => finish(true);
    const onClose = () => finish(response.writableFinished);
    response.on(event, onEvent);
    response.on("close", onClose);
    watch.begin(transfer);
  });
}
