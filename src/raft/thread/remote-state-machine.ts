import { assert, Deferred, type ThreadPort } from "../../base/index.ts";
import type { RestoredState, StateMachine } from "../ports.ts";
import type { ConfState, Entry, NodeId, SnapshotMetadata } from "../types.ts";
import { buffersOf, packEntries } from "./entry-batch.ts";
import type { CallResult, FromRaft, StateMachineCall, ToRaft } from "./protocol.ts";

/** The state machine of the main thread as the Raft thread sees it. */
export class RemoteStateMachine implements StateMachine {
  readonly #port: ThreadPort<FromRaft, ToRaft>;
  readonly #calls = new Map<number, Deferred<CallResult>>();
  #lastId = 0;

  constructor(port: ThreadPort<FromRaft, ToRaft>) {
    this.#port = port;
  }

  async apply(entries: readonly Entry[]): Promise<void> {
    const batch = packEntries(entries);
    await this.#call({ kind: "apply", entries: batch }, buffersOf(batch));
  }

  configurationChanged(index: number, confState: ConfState): void {
    this.#port.post({ kind: "configuration-changed", index, confState });
  }

  async restored(): Promise<RestoredState> {
    const result = await this.#call({ kind: "restored" });
    assert(typeof result === "object", "the state machine says where it is");
    return result;
  }

  async checkpoint(): Promise<number> {
    const result = await this.#call({ kind: "checkpoint" });
    assert(typeof result === "number", "a checkpoint has an index");
    return result;
  }

  async sendSnapshot(to: NodeId, metadata: SnapshotMetadata, term: number): Promise<void> {
    await this.#call({ kind: "send-snapshot", to, metadata, term });
  }

  async installSnapshot(metadata: SnapshotMetadata): Promise<void> {
    await this.#call({ kind: "install-snapshot", metadata });
  }

  returned(id: number, result: CallResult): void {
    this.#take(id).resolve(result);
  }

  threw(id: number, message: string): void {
    this.#take(id).reject(new Error(message));
  }

  #call(call: StateMachineCall, handOver?: readonly ArrayBuffer[]): Promise<CallResult> {
    const id = ++this.#lastId;
    const deferred = new Deferred<CallResult>();
    this.#calls.set(id, deferred);
    this.#port.post({ kind: "call", id, call }, handOver);
    return deferred.promise;
  }

  #take(id: number): Deferred<CallResult> {
    const deferred = this.#calls.get(id);
    assert(deferred !== undefined, "a call returns once");
    this.#calls.delete(id);
    return deferred;
  }
}
