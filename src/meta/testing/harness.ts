/** One replica without Raft: commands go straight into the apply function. */

import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Command,
  type CommandResult,
  CommandSchema,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import { applyEntry } from "../apply.ts";
import { ApplyState } from "../apply-state.ts";
import { checkInvariants } from "../invariants/index.ts";
import { COMMAND_VERSION } from "../limits.ts";
import type { MachineHasher } from "../machine.ts";
import type { CommandBody, CommittedEntry } from "../ports.ts";
import { MemoryStore } from "./memory-store.ts";

const plain = new PlainHasher();

export const testHasher: MachineHasher = {
  blake3: (bytes) => plain.blake3(bytes),
  md5: (bytes) => plain.digest("md5", bytes),
  crc32c: (bytes) => plain.digest("crc32c", bytes),
};

export interface CommandOptions {
  readonly session?: {
    readonly sessionId: bigint;
    readonly sequence: number;
    readonly acknowledgedBelow?: number;
  };
}

export function encodeCommand(body: CommandBody, options: CommandOptions = {}): Uint8Array {
  const { session } = options;
  const command: Command = create(CommandSchema, {
    version: COMMAND_VERSION,
    ...(session !== undefined && {
      sessionId: session.sessionId,
      sequence: BigInt(session.sequence),
      acknowledgedBelow: BigInt(session.acknowledgedBelow ?? 0),
    }),
    proposerNodeId: 1n,
    body,
  });
  return toBinary(CommandSchema, command);
}

export class Replica {
  readonly store: MemoryStore;
  /** Every entry, so that another replica can be fed with the same log. */
  readonly log: CommittedEntry[] = [];
  state: ApplyState;
  timeMs = 1_000_000;

  constructor(store: MemoryStore = new MemoryStore()) {
    this.store = store;
    this.state = new ApplyState(store, testHasher);
  }

  /** Applies one command in a batch of its own. */
  run(body: CommandBody, options?: CommandOptions): CommandResult {
    const result = this.stage({ data: encodeCommand(body, options) });
    this.flush();
    return result!;
  }

  /** Applies one entry without ending the batch. */
  stage(entry: {
    readonly data: Uint8Array;
    readonly type?: CommittedEntry["type"];
  }): CommandResult | undefined {
    const full: CommittedEntry = {
      index: this.state.appliedIndex + 1,
      term: 1,
      type: entry.type ?? "EntryNormal",
      timeMs: this.timeMs,
      data: entry.data,
    };
    this.log.push(full);
    return applyEntry(this.state, full)?.result;
  }

  flush(): void {
    this.store.applyNow(this.state.takeBatch().changes);
  }

  /** A process that starts again on the same store. */
  restart(): void {
    this.state = new ApplyState(this.store, testHasher);
  }

  violations(): ReturnType<typeof checkInvariants> {
    return checkInvariants(this.store);
  }
}

/** The name of a result: its case, or the name of the refusal. */
export function outcome(result: CommandResult): string {
  if (result.result.case === "refusal") return RefusalCode[result.result.value.code];
  return result.result.case ?? "none";
}

type ResultCase = NonNullable<CommandResult["result"]["case"]>;
type ResultOf<C extends ResultCase> = Extract<CommandResult["result"], { case: C }>["value"];

/** The value of a result that must be of this case. */
export function expectCase<C extends ResultCase>(result: CommandResult, expected: C): ResultOf<C> {
  const { result: value } = result;
  if (value.case !== expected) throw new Error(`expected ${expected}, got ${outcome(result)}`);
  return value.value as ResultOf<C>;
}
