import { toBinary } from "@bufbuild/protobuf";
import { createPrng, InvariantViolation } from "../../../src/base/index.ts";
import { CommandResultSchema, type NewBlob } from "../../../src/gen/skerry/meta/v1/commands_pb.js";
import { ManifestKind } from "../../../src/gen/skerry/meta/v1/rows_pb.js";
import { createBucket, id, initCluster, inlineBlob } from "../../../src/meta/testing/commands.ts";
import { encodeCommand, Replica } from "../../../src/meta/testing/harness.ts";
import { Model } from "../../../src/meta/testing/model/model.ts";
import {
  commitBatch,
  commitIndex,
  createNamespace,
  deleteNamespace,
  leaseWork,
  outsideBlob,
  setSearchStore,
  trimNamespace,
} from "../../../src/meta/testing/namespaces.ts";
import { CommandDrawer } from "../../../src/meta/testing/random/commands.ts";
import { broken, type FuzzTarget, refusalLabel, same, textOf } from "../target.ts";

/** A state with something of everything in it, and the commands that made it. */
function prepared(): { replica: Replica; commands: Uint8Array[] } {
  const replica = new Replica();
  const commands: Uint8Array[] = [];
  const run = (data: Uint8Array): void => {
    commands.push(data);
    replica.stage({ data });
    replica.flush();
  };
  run(encodeCommand(initCluster()));
  run(encodeCommand(createBucket("bucket-a")));
  const drawer = new CommandDrawer(createPrng("fuzz"), new Model(60_000));
  for (let i = 0; i < 250; i++) {
    const drawn = drawer.draw();
    drawn.expected();
    run(encodeCommand(drawn.body));
  }
  // A namespace with a segment in the cluster and one outside, a branch of it, and batches that wait.
  const removed = (number: bigint) => [{ kind: ManifestKind.BATCH, number }];
  const segment = (blob: NewBlob) => ({ blob, rows: 1n, firstVersion: 1n, lastVersion: 1n });
  for (const body of [
    setSearchStore("/mnt"),
    createNamespace("a"),
    commitBatch(1, 5_000_000),
    commitBatch(1, 5_000_001),
    commitBatch(1, 5_000_002),
    leaseWork(1),
    commitIndex(1, { segments: [segment(outsideBlob(id(5_000_003), 70, 1))], removed: removed(1n) }),
    commitIndex(1, { segments: [segment(inlineBlob(id(5_000_004), 7))], removed: removed(2n) }),
    trimNamespace(1, { rows: [{ kind: ManifestKind.BATCH, number: 1n, removedRevision: 5n }] }),
    deleteNamespace(1),
    setSearchStore(undefined),
  ])
    run(encodeCommand(body));
  return { replica, commands };
}
const { replica: BASE, commands: COMMANDS } = prepared();

function copy(): Replica {
  return new Replica(BASE.store.copy());
}

/**
 * A command as the log may hold it, of this version or any other: it is refused, applied, or stops the node, the same on two replicas; a refused
 * one changes nothing, and after an applied one everything still fits together.
 */
export const metaCommand: FuzzTarget = {
  name: "meta-command",
  maxBytes: 4096,
  dictionary: [
    "bucket-a",
    "bucket-b",
    "a/b",
    new Uint8Array(16),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
  ],
  seeds: () => COMMANDS,
  property: async (input) => {
    const [one, two] = [copy(), copy()];
    const outcomes = [one, two].map((replica) => applied(replica, input));
    same(outcomes[0], outcomes[1], "two replicas");
    const outcome = outcomes[0]!;
    if (outcome.kind === "stopped") return outcome.label;
    const isRefusal = outcome.label.includes("refusal");
    if (isRefusal) sameButApplied(one, input.length === 0 ? "nothing" : outcome.label);
    const violations = await one.violations();
    if (violations.length > 0) broken(`after ${outcome.label}: ${textOf(violations.slice(0, 3))}`);
    return outcome.label;
  },
};

function applied(replica: Replica, data: Uint8Array): { kind: "applied" | "stopped"; label: string } {
  try {
    const result = replica.stage({ data });
    replica.flush();
    const [label] =
      result === undefined ? ["nothing"] : [labelOf(toBinary(CommandResultSchema, result), result.result)];
    return { kind: "applied", label: label! };
  } catch (error) {
    // The decoder of protobuf throws plain errors; everything that is not understood stops the node.
    return { kind: "stopped", label: `stops: ${refusalLabel([InvariantViolation, Error], error)}` };
  }
}

function labelOf(_bytes: Uint8Array, result: { case?: string | undefined; value?: unknown }): string {
  const code = result.case === "refusal" ? (result.value as { code: number }).code : "";
  return `${result.case ?? "none"} ${code}`.trim();
}

/** But for the applied row and sessions, in which the refusal itself is remembered. */
function sameButApplied(replica: Replica, what: string): void {
  const rows = (of: Replica) =>
    of.store
      .all()
      .filter(({ key }) => !/^0000[aes]/.test(key))
      .map(({ key, value }) => `${key} ${Buffer.from(value).toString("hex")}`);
  same(rows(replica), rows(BASE), `the rows after ${what}`);
}
