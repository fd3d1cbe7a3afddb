/** One request over REST and its answer, between the sockets of Node and `rest/`. */

import { Code, type ContextValues } from "@connectrpc/connect";
import { CALL_INFO } from "./guard.ts";
import { type AnyRequest, type AnyResponse, departureOf, type Http1Response } from "./listener.ts";
import type { OutgoingBodies } from "./outgoing-bodies.ts";
import { errorAnswer, type RestAnswer, type RestHandler, restError } from "./rest/index.ts";

export interface RestExchange {
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  readonly body: AsyncIterable<Uint8Array>;
  readonly answers: OutgoingBodies;
  readonly values: ContextValues;
}

/** Never rejects. */
export async function serveRest(
  rest: RestHandler,
  { request, response, body, answers, values }: RestExchange,
): Promise<void> {
  const { requestId } = values.get(CALL_INFO);
  const caller = departureOf(response);
  const answered =
    (await rest.handle({
      verb: request.method ?? "",
      target: request.url ?? "",
      header: headerOf(request),
      body,
      signal: caller,
      requestId,
      values,
    })) ?? errorAnswer(restError(Code.NotFound, "NOT_FOUND", "there is nothing at this path"), requestId);
  try {
    await send(watched(answered, response, answers), response as Http1Response, caller);
  } catch {
    // A stream failed in its midst: a connection that breaks off is all that the caller can be told.
    response.destroy();
  }
}

/** Without what HTTP/2 calls pseudo-headers. */
function headerOf({ headers }: AnyRequest): Headers {
  const header = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":")) continue;
    if (typeof value === "string") header.append(name, value);
    else for (const one of value) header.append(name, one);
  }
  return header;
}

function watched(answer: RestAnswer, response: AnyResponse, answers: OutgoingBodies): RestAnswer {
  if (!(answer.body instanceof Uint8Array)) return { ...answer, body: answers.open(answer.body, response) };
  answers.ended(response);
  return answer;
}

/** Rejects when the body does. */
async function send(
  { status, header, body }: RestAnswer,
  response: Http1Response,
  caller: AbortSignal,
): Promise<void> {
  if (!caller.aborted) response.writeHead(status, header);
  if (body instanceof Uint8Array) {
    response.end(body);
    return;
  }
  // Also when nobody is there any more: what makes the pieces has to be told, and is by leaving the loop.
  for await (const piece of body) {
    if (caller.aborted) return;
    if (!response.write(piece)) await drained(response, caller);
  }
  response.end();
}

/** Resolves as well when the caller is gone. */
function drained(response: Http1Response, caller: AbortSignal): Promise<void> {
  if (caller.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      caller.removeEventListener("abort", done);
      resolve();
    };
    response.on("drain", done);
    caller.addEventListener("abort", done);
  });
}
