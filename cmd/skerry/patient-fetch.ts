/** `fetch` without a time limit of its own: that of Node gives up after five minutes without an answer, whatever its caller wants. */
import * as http from "node:http";
import * as https from "node:https";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

/** A connection whose other machine is gone is found by TCP, in milliseconds. */
const KEEP_ALIVE_MS = 30_000;

/** Of what the client of namespaces needs: a URL, headers as a record, and a body of text. */
export async function patientFetch(
  url: Parameters<typeof fetch>[0],
  { method = "GET", headers = {}, body, signal }: RequestInit = {},
): Promise<Response> {
  const target = new URL(String(url));
  const { request } = target.protocol === "https:" ? https : http;
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const options = {
      method,
      headers: Object.fromEntries(new Headers(headers)),
      ...(signal && { signal }),
    };
    const sent = request(target, options, resolve).once("error", reject);
    sent.setSocketKeepAlive(true, KEEP_ALIVE_MS);
    sent.end(body);
  });
  return new Response(Readable.toWeb(answer) as ReadableStream<Uint8Array>, {
    status: answer.statusCode ?? 0,
    headers: Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    ),
  });
}
