import { create, toBinary } from "@bufbuild/protobuf";
import { type SendRequest, SendRequestSchema } from "../../../src/gen/skerry/meta/v1/snapshot_pb.js";
import { MessageSchema } from "../../../src/gen/skerry/raft/v1/raft_pb.js";
import { SnapshotReceiver } from "../../../src/meta/snapshot/receiver.ts";
import { MetaWorld } from "../../../src/meta/testing/node.ts";
import { connectTo } from "../../../src/meta/testing/stream-pair.ts";
import { broken, type FuzzTarget } from "../target.ts";

const message = (part: SendRequest["part"]): Uint8Array =>
  toBinary(SendRequestSchema, create(SendRequestSchema, { part }));

const HEADER = message({
  case: "header",
  value: {
    $typeName: "skerry.meta.v1.SnapshotHeader",
    version: 1,
    clusterId: "cluster",
    groupId: 0,
    message: create(MessageSchema, {
      type: 6,
      to: 2n,
      from: 1n,
      term: 3n,
      snapshot: { index: 9n, term: 1n, snapshotId: "s" },
    }),
  },
});
const ROWS = message({
  case: "rows",
  value: {
    $typeName: "skerry.meta.v1.SnapshotRows",
    rows: ["0000b", "0000c"].map((key) => ({
      $typeName: "skerry.meta.v1.SnapshotRow",
      key: Buffer.from(key),
      value: new Uint8Array(3),
    })),
  },
});
const TRAILER = message({
  case: "trailer",
  value: { $typeName: "skerry.meta.v1.SnapshotTrailer", rowCount: 2n, blake3: new Uint8Array(32) },
});

/** Messages one after the other, each with its length before it. */
function framed(...messages: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(messages.flatMap((bytes) => [Uint8Array.of(bytes.length >> 8, bytes.length), bytes]));
}

/** What a peer may say to the receiver of snapshots: an answer or the end of the stream, and nothing is installed that was not verified. */
export const snapshotDialog: FuzzTarget = {
  name: "snapshot-dialog",
  maxBytes: 1024,
  dictionary: [HEADER, ROWS, TRAILER, "0000a", "!staged"],
  seeds: () => [
    framed(HEADER, ROWS, TRAILER),
    framed(HEADER, ROWS),
    framed(ROWS),
    framed(HEADER, HEADER),
    framed(HEADER, TRAILER),
  ],
  property: async (input) => {
    const world = new MetaWorld("dialog");
    const node = await world.start("receiver", { nodeId: 2 });
    let decided = 0;
    node.log.onSnapshot = async () => {
      decided++;
      return false;
    };
    const { hasher } = node.platform;
    const { directory, log, machine } = node;
    const receiver = new SnapshotReceiver({
      nodeId: 2,
      clusterId: "cluster",
      groupId: 0,
      directory,
      hasher,
      log,
      machine,
    });
    const peer = { clusterId: "cluster", nodeId: 1 };
    const connection = connectTo(world.simulation, receiver.handlers(), peer);
    const stream = connection.openStream("/skerry.meta.v1.SnapshotService/Send", {
      kind: "stream",
      maxMessageBytes: 1 << 20,
    });
    let answers = 0;
    let end: string | undefined;
    stream.onMessage = () => answers++;
    stream.onClose = (error) => {
      end = error?.code ?? "closed";
    };
    for (let at = 0; at + 2 <= input.length; ) {
      const length = ((input[at]! & 3) << 8) | input[at + 1]!;
      stream.send([input.subarray(at + 2, at + 2 + length)]);
      at += 2 + length;
    }
    stream.end();
    await world.simulation.runFor(1000);
    if (decided > 0) broken("a snapshot whose hash is made up was given to the core");
    if (node.machine.view.appliedIndex() !== 0) broken("the state has changed");
    return `${Math.min(answers, 3)} answers, ${end ?? "open"}`;
  },
};
