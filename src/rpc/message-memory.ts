/** How much of the node's memory messages of callers may take. */

import { Code, type ConnectError, type ContextKey, createContextKey } from "@connectrpc/connect";
import type { ListenerLimits } from "./listener-limits.ts";
import { restError } from "./rest/index.ts";

export type MessageMemoryLimits = Pick<ListenerLimits, "maxHeldBytes" | "maxHeldBytesPerConnection">;

/** What the call under way holds: whoever has handed a message of a stream on says so. */
export const HELD_BYTES: ContextKey<HeldBytes | undefined> = createContextKey<HeldBytes | undefined>(
  undefined,
);

/**
 * Counts the bytes of messages that calls hold, from their arrival until the call is answered: for the process, for each connection, and for each caller, who
 * has at most as much as is free for others. So there is room for whoever comes next, however many messages a few callers send at once.
 */
export class MessageMemory {
  readonly #limits: MessageMemoryLimits;
  readonly #byConnection = new Tally<object>();
  readonly #byCaller = new Tally<string>();
  #bytes = 0;

  constructor(limits: MessageMemoryLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** For one call. `callerOf` is asked when the first byte comes. */
  hold(connection: object, callerOf: () => string): HeldBytes {
    let caller: string | undefined;
    return new HeldBytes((bytes) => {
      caller ??= callerOf();
      if (bytes > 0) this.#check({ connection, caller, bytes });
      this.#bytes += bytes;
      this.#byConnection.add(connection, bytes);
      this.#byCaller.add(caller, bytes);
    });
  }

  #check({ connection, caller, bytes }: { connection: object; caller: string; bytes: number }): void {
    const { maxHeldBytes, maxHeldBytesPerConnection } = this.#limits;
    if (this.#byConnection.of(connection) + bytes > maxHeldBytesPerConnection) {
      throw exhausted("this connection", "maxHeldBytesPerConnection", maxHeldBytesPerConnection);
    }
    const freeBytes = maxHeldBytes - this.#bytes - bytes;
    if (this.#byCaller.of(caller) + bytes > freeBytes)
      throw exhausted("this key", "maxHeldBytes", maxHeldBytes);
  }
}

/** The share of one call. */
export class HeldBytes {
  readonly #change: (bytes: number) => void;
  #bytes = 0;
  #isOver = false;

  constructor(change: (bytes: number) => void) {
    this.#change = change;
  }

  /** Throws RESOURCE_EXHAUSTED, and then the call holds nothing any more. */
  take(bytes: number): void {
    if (this.#isOver) throw restError(Code.Canceled, "CANCELED", "the call is over");
    try {
      this.#change(bytes);
    } catch (error) {
      this.release();
      throw error;
    }
    this.#bytes += bytes;
  }

  /** What came so far is not held any more, and more may come. */
  passOn(): void {
    if (this.#bytes > 0) this.#change(-this.#bytes);
    this.#bytes = 0;
  }

  /** The call is over. */
  release(): void {
    this.passOn();
    this.#isOver = true;
  }
}

/** Sums by name; those of zero take no memory. */
class Tally<Name> {
  readonly #sums = new Map<Name, number>();

  of(name: Name): number {
    return this.#sums.get(name) ?? 0;
  }

  add(name: Name, amount: number): void {
    const sum = this.of(name) + amount;
    if (sum === 0) this.#sums.delete(name);
    else this.#sums.set(name, sum);
  }
}

function exhausted(of: string, limit: string, limitValue: number): ConnectError {
  const message = `too many bytes of messages of ${of} are under way`;
  const details = { limit, limit_value: String(limitValue) };
  const error = restError(Code.ResourceExhausted, "RESOURCE_EXHAUSTED", message, details);
  error.metadata.set("retry-after", "1");
  return error;
}
