/** The protocols of Connect and gRPC between Node's requests and the handlers of their library. */

import type { ConnectRouter, ContextValues } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { AnyRequest, AnyResponse } from "./listener.ts";
import type { TimelyBody } from "./timely-body.ts";

export interface ConnectHandlerOptions {
  readonly router: ConnectRouter;
  /** Of messages that are collected before their method runs. */
  readonly timely: TimelyBody;
  readonly onUnexpectedError: (error: unknown) => void;
}

/** Whether the request is one of a method of the router's, which is then answered. */
export type ConnectHandler = (
  request: AnyRequest,
  response: AnyResponse,
  values: () => ContextValues,
) => boolean;

export function connectHandler({ router, timely, onUnexpectedError }: ConnectHandlerOptions): ConnectHandler {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response, values) => {
    const handle = handlers.get(request.url?.split("?", 1)[0] ?? "");
    if (handle === undefined) return false;
    const asked = universalRequestFromNodeRequest(request, response, undefined, values());
    const { methodKind } = handle.method;
    const isStream = methodKind === "client_streaming" || methodKind === "bidi_streaming";
    const body = isStream ? asked.body : timely(asked.body as AsyncIterable<Uint8Array>);
    handle({ ...asked, body })
      .then((answer) => universalResponseToNodeResponse(answer, response))
      // That a caller has left is no fault.
      .catch((error: unknown) => {
        if (!asked.signal.aborted) onUnexpectedError(error);
        response.destroy();
      });
    return true;
  };
}
