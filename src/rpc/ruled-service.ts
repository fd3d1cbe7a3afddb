import type { DescMessage, DescMethod, DescService, Message } from "@bufbuild/protobuf";
import {
  type ContextKey,
  createContextKey,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import { ruleBroken } from "./field-rules.ts";
import type { ImplementedService } from "./rest/index.ts";

/** What a call asks, for the guard, which compares it with the rules of its proto once it knows that the caller is no stranger. */
export interface CallRequest {
  readonly type: DescMessage;
  readonly message: Message;
}

export const CALL_REQUEST: ContextKey<CallRequest | undefined> = createContextKey<CallRequest | undefined>(
  undefined,
);

type Method = (input: unknown, context: HandlerContext) => unknown;

/** A service whose requests all meet the rules of their protos, whichever protocol they come by. */
export function ruledService<Service extends DescService>(
  service: Service,
  implementation: ServiceImpl<Service>,
): ImplementedService {
  const methods = implementation as unknown as Readonly<Record<string, Method>>;
  const ruled = Object.fromEntries(
    service.methods.map((method) => [
      method.localName,
      ruledMethod(method, methods[method.localName] as Method),
    ]),
  );
  return { service, implementation: ruled as unknown as ServiceImpl<DescService> };
}

function ruledMethod({ methodKind, input: type }: DescMethod, run: Method): Method {
  if (methodKind === "client_streaming" || methodKind === "bidi_streaming") {
    return (messages, context) =>
      run(ruledStream(messages as AsyncIterable<Message>, type, context), context);
  }
  return (message, context) => {
    context.values.set(CALL_REQUEST, { type, message: message as Message });
    return run(message, context);
  };
}

/** The guard looks at the first message, which says what the call is about; the others are looked at as they come. */
async function* ruledStream(
  messages: AsyncIterable<Message>,
  type: DescMessage,
  context: HandlerContext,
): AsyncIterable<Message> {
  let isFirst = true;
  for await (const message of messages) {
    const broken = isFirst ? undefined : ruleBroken(type, message);
    if (broken !== undefined) throw broken;
    if (isFirst) context.values.set(CALL_REQUEST, { type, message });
    isFirst = false;
    yield message;
  }
}
