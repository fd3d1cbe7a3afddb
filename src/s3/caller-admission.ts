import { type Principal, sourceName } from "../access/index.ts";
import { NOBODY } from "./authorize/anonymous.ts";
import { S3Refusal } from "./errors.ts";
import type { S3Request } from "./http.ts";
import { MAX_UNPROVED_BODIES, MAX_UNPROVED_BODIES_PER_SOURCE } from "./limits.ts";
import type { CallerLimits } from "./ports.ts";

const NOTHING_TO_RELEASE = (): void => {};
/** When a caller with too much under way may try again, in milliseconds. */
const RETRY_ENTRY_MS = 1000;

/** The limits on callers, as refusals that S3 knows. */
export class CallerAdmission {
  readonly #limits: CallerLimits | undefined;
  /** Bodies that are being read before it is known who sends them. */
  #unproved = 0;

  /** Undefined: there are none. */
  constructor(limits: CallerLimits | undefined) {
    this.#limits = limits;
  }

  /** One request of the caller's, of those that it may make in this second. Refuses "SlowDown". */
  take(principal: Principal, { remoteAddress }: Pick<S3Request, "remoteAddress">): void {
    const decision = this.#limits?.take(principal, remoteAddress);
    if (decision?.kind === "limited") throw slowDown(decision.retryAfterMs);
  }

  /** Gives what is to be called when the request is over. Refuses "SlowDown". */
  enter(principal: Principal): () => void {
    if (this.#limits === undefined) return NOTHING_TO_RELEASE;
    const release = this.#limits.enter(principal);
    if (release === undefined) throw slowDown(RETRY_ENTRY_MS);
    return release;
  }

  /**
   * For a body that is read before it is known who sends it, a place among those of its source and of all sources. Gives what is to be called when the place is
   * free again; calling it twice does nothing. Refuses "SlowDown".
   */
  enterUnproved({ remoteAddress }: Pick<S3Request, "remoteAddress">): () => void {
    if (this.#unproved >= MAX_UNPROVED_BODIES) throw slowDown(RETRY_ENTRY_MS);
    const source = `source/${sourceName(remoteAddress)}`;
    const leave = this.enter({ ...NOBODY, keyId: source, inflightLimit: MAX_UNPROVED_BODIES_PER_SOURCE });
    this.#unproved++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#unproved--;
      leave();
    };
  }

  /** What the caller is told instead of `error`: guessing is slowed down, and the guesser not told how close it came. */
  failed(error: unknown, remoteAddress: string): unknown {
    if (this.#limits === undefined || !(error instanceof S3Refusal) || !isFailedProof(error)) return error;
    const decision = this.#limits.failedAuthentication(remoteAddress, error.details.AWSAccessKeyId);
    return decision.kind === "allow" ? error : slowDown(decision.retryAfterMs);
  }
}

function slowDown(retryAfterMs: number): S3Refusal {
  const seconds = Math.ceil(retryAfterMs / 1000);
  return new S3Refusal("SlowDown", undefined, { RetryAfterSeconds: String(seconds) });
}

function isFailedProof({ status, code }: S3Refusal): boolean {
  return status === 403 || code === "InvalidIdentityToken";
}
