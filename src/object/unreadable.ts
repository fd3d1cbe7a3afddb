import { translate } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { IS_WRITE } from "./maintenance.ts";
import type { ObjectStore } from "./ports.ts";

type Method = (...parameters: readonly unknown[]) => unknown;

/**
 * Every use case may find that this node cannot read its metadata, at any row that it looks at. A read is refused then, to be tried again elsewhere. A write
 * may have been done: it looks at rows behind its commit too.
 */
export function refusingUnreadable(store: ObjectStore): ObjectStore {
  const guarded = Object.entries(store).map(([name, method]) => [
    name,
    guard(method, !IS_WRITE[name as keyof ObjectStore]),
  ]);
  return Object.fromEntries(guarded) as ObjectStore;
}

function guard(method: Method, isRead: boolean): Method {
  const refuse = (error: unknown): never => {
    const refusal = translate(error);
    if (isRead || refusal === error || !(refusal instanceof ObjectError)) throw refusal;
    throw new ObjectError("outcome-unknown", refusal.message, { cause: error });
  };
  return (...parameters) => {
    try {
      const answer = method(...parameters);
      return answer instanceof Promise ? answer.catch(refuse) : answer;
    } catch (error) {
      return refuse(error);
    }
  };
}
