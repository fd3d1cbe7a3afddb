export interface Append {
  readonly list: string;
  /** No two appends to a list have the same. */
  readonly element: string;
}

export interface ListRead {
  readonly list: string;
  /** All elements, from the first. */
  readonly elements: readonly string[];
}

export interface Transaction {
  /** For people. */
  readonly name: string;
  /**
   * Positions in one order of all events, as in a history of the linearizability checker. Undefined `call`: nothing is known of its time. Undefined
   * `returned`: it was not acknowledged, and may have happened at any time after its call, or never.
   */
  readonly call: number | undefined;
  readonly returned: number | undefined;
  readonly appends: readonly Append[];
  readonly reads: readonly ListRead[];
}
