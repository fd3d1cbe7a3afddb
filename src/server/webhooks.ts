/**
 * Messages to the webhooks that the operator has declared, and to nothing else: a bucket names a destination, never an address, and no answer can
 * send a message elsewhere.
 */

import { createHmac } from "node:crypto";
import type { Clock } from "../platform/index.ts";
import { type Destination, parseDestination } from "./destinations.ts";

/** How long a destination may take to answer. */
const TIMEOUT_MS = 10_000;
export const SIGNATURE_HEADER = "X-Skerry-Signature";

export interface WebhooksOptions {
  /** As `notifications.destinations` has them. */
  readonly destinations: readonly string[];
  readonly signingKey: string;
  readonly clock: Pick<Clock, "wallMs">;
}

export class Webhooks {
  readonly #destinations: ReadonlyMap<string, Destination>;
  readonly #options: WebhooksOptions;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    const parsed = options.destinations.flatMap((entry) => parseDestination(entry) ?? []);
    this.#destinations = new Map(parsed.map((destination) => [destination.name, destination]));
  }

  get names(): readonly string[] {
    return [...this.#destinations.keys()];
  }

  /** Resolves when the destination answered with 2xx; rejects otherwise, also where it answers with a redirection. */
  async send(name: string, message: Uint8Array, signal: AbortSignal): Promise<void> {
    const destination = this.#destinations.get(name);
    if (destination === undefined) throw new Error(`there is no destination ${name}`);
    const response = await fetch(destination.url, {
      method: "POST",
      // What comes back names another address: never followed.
      redirect: "manual",
      headers: { "Content-Type": "application/json", [SIGNATURE_HEADER]: this.#signatureOf(message) },
      body: Uint8Array.from(message),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${name} answered with status ${response.status}`);
  }

  /** "t=<seconds>,v1=<hex>": the HMAC-SHA256 of the seconds, a dot and the message. */
  #signatureOf(message: Uint8Array): string {
    const seconds = Math.floor(this.#options.clock.wallMs() / 1000);
    const hmac = createHmac("sha256", this.#options.signingKey).update(`${seconds}.`).update(message);
    return `t=${seconds},v1=${hmac.digest("hex")}`;
  }
}
