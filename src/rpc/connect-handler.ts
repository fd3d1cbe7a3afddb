/** The protocols of Connect and gRPC between Node's requests and the handlers of their library. */

import type { ConnectRouter, ContextValues } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { IncomingBodies } from "./incoming-bodies.ts";
import { type AnyRequest, type AnyResponse, departureOf } from "./listener.ts";
import type { OutgoingBodies } from "./outgoing-bodies.ts";

export interface ConnectHandlerOptions {
  readonly router: ConnectRouter;
  readonly bodies: IncomingBodies;
  /** Each call is answered, or what answers it has begun. */
  readonly onAnswered: (values: ContextValues) => void;
  readonly answers: OutgoingBodies;
  readonly onUnexpectedError: (error: unknown) => void;
}

/** Whether the request is one of a method of the router's, which is then answered. */
export type ConnectHandler = (
  request: AnyRequest,
  response: AnyResponse,
  values: () => ContextValues,
) => boolean;

export function connectHandler({
  router,
  bodies,
  onAnswered,
  answers,
  onUnexpectedError,
}: ConnectHandlerOptions): ConnectHandler {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response, values) => {
    const handle = handlers.get(request.url?.split("?", 1)[0] ?? "");
    if (handle === undefined) return false;
    const contextValues = values();
    const asked = universalRequestFromNodeRequest(request, response, undefined, contextValues);
    const body = bodies.open(asked.body as AsyncIterable<Uint8Array>, {
      request,
      response,
      values: contextValues,
      mayPause: handle.method.methodKind === "bidi_streaming",
      isWhole: handle.method.methodKind === "unary" || handle.method.methodKind === "server_streaming",
    });
    // The library's own signal has another reason for each way of leaving, and none for some.
    handle({ ...asked, body, signal: departureOf(response) })
      .then((answer) => {
        onAnswered(contextValues);
        const pieces = answer.body;
        if (pieces === undefined) answers.ended(response);
        const watched = pieces && { body: answers.open(pieces, response) };
        return universalResponseToNodeResponse({ ...answer, ...watched }, response);
      })
      // That a caller has left is no fault.
      .catch((error: unknown) => {
        if (!asked.signal.aborted) onUnexpectedError(error);
        response.destroy();
      });
    return true;
  };
}
