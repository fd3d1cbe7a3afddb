/** Why a command or a barrier gave no answer. */
export const META_ERROR_CODES = ["unavailable", "outcome-unknown", "overloaded"] as const;

export type MetaErrorCode = (typeof META_ERROR_CODES)[number];

/**
 * "unavailable": certainly not applied. "outcome-unknown": it may have been applied, or may yet be. "overloaded": refused before anything
 * was done, too much is in flight.
 */
export class MetaError extends Error {
  readonly code: MetaErrorCode;

  constructor(code: MetaErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "MetaError";
    this.code = code;
  }
}

/** What can be wrong with the state store of a node. */
export const STATE_STORE_ERROR_CODES = ["damaged", "no-snapshot"] as const;

export type StateStoreErrorCode = (typeof STATE_STORE_ERROR_CODES)[number];

/**
 * "damaged": bytes that this node wrote do not read back as what they were; the state has to be rebuilt from a peer's snapshot.
 * "no-snapshot": an install was asked for, but no verified snapshot of that index is here.
 */
export class StateStoreError extends Error {
  readonly code: StateStoreErrorCode;

  constructor(code: StateStoreErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "StateStoreError";
    this.code = code;
  }
}
