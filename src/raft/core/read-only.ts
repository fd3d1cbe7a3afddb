import type { Message, NodeId } from "../types.ts";
import { type JointConfig, jointCommittedIndex } from "./quorum.ts";

/** Reads that wait for a leader: for its first commit, or for a quorum's word that it still leads. Beyond this, reads are dropped. */
export const MAX_WAITING_READS = 65_536;

const CONTEXT_BYTES = 8;

interface UnconfirmedRead {
  readonly request: Message;
  /** The commit index when the request came: what the read must see. */
  readonly index: number;
}

export type ConfirmedRead = UnconfirmedRead;

/**
 * Linearizable reads on a leader (thesis 6.4). Reads are numbered 1, 2, 3, ... within a term in the order in which they come; every
 * heartbeat carries the number of the last one that still waits, and whoever answers it confirms, for all reads up to that number,
 * that it followed this leader after they came. The number is the leader's own, never the caller's context: an answer to a heartbeat
 * sent before a read can never confirm it, even when a caller asks twice with the same context.
 */
export class ReadOnly {
  /** Of each node, the greatest number that it has answered. */
  readonly #acks = new Map<NodeId, number>();
  #unconfirmed: UnconfirmedRead[] = [];
  /** How many reads were confirmed: the number of the last of them. */
  #confirmed = 0;
  /** Reads that came before the leader had committed an entry of its term, and so before it knew what is committed. */
  #postponed: Message[] = [];

  get full(): boolean {
    return this.#unconfirmed.length + this.#postponed.length >= MAX_WAITING_READS;
  }

  postpone(request: Message): void {
    this.#postponed.push(request);
  }

  takePostponed(): readonly Message[] {
    if (this.#postponed.length === 0) return this.#postponed;
    const taken = this.#postponed;
    this.#postponed = [];
    return taken;
  }

  /** A read comes in, at this commit index; the leader's own word for it, if it votes, is implied. */
  add(self: NodeId, index: number, request: Message): void {
    this.#unconfirmed.push({ request, index });
    this.#acks.set(self, this.#lastNumber());
  }

  /** What a heartbeat sent now asks to confirm; undefined: no read waits. */
  heartbeatContext(): Uint8Array | undefined {
    return this.#unconfirmed.length === 0 ? undefined : encodeNumber(this.#lastNumber());
  }

  /** `from` has answered a heartbeat with this context. One that this leader cannot have sent is ignored. */
  acknowledge(from: NodeId, context: Uint8Array): void {
    const number = decodeNumber(context);
    if (number === undefined || number > this.#lastNumber()) return;
    if (number > (this.#acks.get(from) ?? 0)) this.#acks.set(from, number);
  }

  /** The reads that a quorum of `voters`, of both halves if joint, has confirmed; each is returned once, in order. */
  takeConfirmed(voters: JointConfig): readonly ConfirmedRead[] {
    if (this.#unconfirmed.length === 0) return [];
    const number = jointCommittedIndex(voters, (id) => this.#acks.get(id));
    if (number <= this.#confirmed) return [];
    const taken = this.#unconfirmed.splice(0, number - this.#confirmed);
    this.#confirmed += taken.length;
    return taken;
  }

  /** Forgets everything: the term or the role has changed, and whoever asked must ask again. */
  reset(): void {
    this.#acks.clear();
    this.#unconfirmed = [];
    this.#confirmed = 0;
    this.#postponed = [];
  }

  #lastNumber(): number {
    return this.#confirmed + this.#unconfirmed.length;
  }
}

function encodeNumber(number: number): Uint8Array {
  const bytes = new Uint8Array(CONTEXT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, number % 2 ** 32, true);
  view.setUint32(4, Math.floor(number / 2 ** 32), true);
  return bytes;
}

function decodeNumber(bytes: Uint8Array): number | undefined {
  if (bytes.length !== CONTEXT_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
}
