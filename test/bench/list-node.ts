/**
 * A gateway over real metadata in LevelDB and no bytes: fills a bucket through the state machine, in bulk, and then serves it. Prints its port when the bucket
 * is full, and ends with its standard input.
 *
 *   node test/bench/list-node.ts <keys> <keys in a directory> <data directory> <access key> <secret key>
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { createGate, createSealer, type Principal } from "../../src/access/index.ts";
import { toHex } from "../../src/base/index.ts";
import {
  CommandSchema,
  CommitObjectSchema,
  CreateBucketSchema,
  InitClusterSchema,
} from "../../src/gen/skerry/meta/v1/commands_pb.js";
import {
  type CommandBody,
  type CommittedEntry,
  LiveStore,
  MetaStateMachine,
  type ProposalLog,
  ReplicatedMetadata,
} from "../../src/meta/index.ts";
import { createObjectStore } from "../../src/object/index.ts";
import { createNodePlatform } from "../../src/platform/node/index.ts";
import { S3Gateway, S3Server, s3OperationRows } from "../../src/s3/index.ts";

const COMMAND_VERSION = 1;
const BUCKET = "bench";
/** Commands that are applied at once. */
const BATCH = 2_000;
const OWNER = { id: "a".repeat(64), displayName: "bench" };
const ID_BYTES = 16;

const [keys = 0, keysInDirectory = 1] = process.argv.slice(2, 4).map(Number);
const [directory = "", accessKey = "", secretKey = ""] = process.argv.slice(4);

const platform = createNodePlatform();
const { hasher } = platform;
const store = await platform.stores.open(directory);
const machine = new MetaStateMachine({
  nodeId: 1,
  store: new LiveStore(store),
  hasher: {
    blake3: (bytes) => hasher.blake3(bytes),
    md5: (bytes) => hasher.digest("md5", bytes),
    crc32c: (bytes) => hasher.digest("crc32c", bytes),
  },
  snapshots: { install: () => Promise.reject(new Error("no snapshots here")) },
});
let index = 0;

function entryOf(body: CommandBody): CommittedEntry {
  const command = create(CommandSchema, { version: COMMAND_VERSION, proposerNodeId: 1n, body });
  index += 1;
  return { index, term: 1, type: "EntryNormal", data: toBinary(CommandSchema, command), timeMs: Date.now() };
}

await machine.apply([
  entryOf({
    case: "initCluster",
    value: create(InitClusterSchema, {
      cluster: { clusterId: "bench", replicationFactor: 1, deleteGraceSeconds: 60 },
      firstNode: { nodeId: 1n, name: "node-1", incarnation: "incarnation-1" },
    }),
  }),
  entryOf({
    case: "createBucket",
    value: create(CreateBucketSchema, { name: BUCKET, region: "us-east-1", ownerId: OWNER.id }),
  }),
]);

/** Objects without bytes: lists read the rows of objects and nothing else. */
function commit(number: number): CommittedEntry {
  const versionId = new Uint8Array(ID_BYTES);
  new DataView(versionId.buffer).setUint32(ID_BYTES - 4, number + 1);
  const directoryNumber = Math.floor(number / keysInDirectory);
  const value = create(CommitObjectSchema, {
    bucket: BUCKET,
    key: `directory-${String(directoryNumber).padStart(7, "0")}/object-${String(number).padStart(8, "0")}`,
    versionId,
    etag: toHex(hasher.digest("md5", versionId)),
    attributes: { contentType: "application/octet-stream" },
    ownerId: OWNER.id,
    ownerDisplayName: OWNER.displayName,
  });
  return entryOf({ case: "commitObject", value });
}

for (let number = 0; number < keys; number += BATCH) {
  const count = Math.min(BATCH, keys - number);
  await machine.apply(Array.from({ length: count }, (_, at) => commit(number + at)));
}

const log: ProposalLog = {
  propose: () => false,
  readIndex: () => Promise.resolve(index),
  readIndexNow: () => index,
  receivedSnapshot: () => Promise.resolve(false),
  onStatus: (listener) => listener({ leader: 1, term: 1 }),
};
const noBytes = () => Promise.reject(new Error("there are no bytes here"));
const objects = createObjectStore({
  metadata: new ReplicatedMetadata({ ...platform, nodeId: 1, machine, log }),
  blobs: {
    write: noBytes,
    read: () => {
      throw new Error("there are no bytes here");
    },
  },
  hasher,
  random: platform.random,
  sealer: createSealer({
    keyEncryptionKey: new Uint8Array(32),
    randomBytes: (length) => platform.random.bytes(length),
  }),
  newId: () => platform.random.bytes(ID_BYTES),
  minimumPartBytes: 1,
});
const principal: Principal = { keyId: accessKey, role: "reader", buckets: undefined, owner: OWNER };
const gateway = new S3Gateway({
  ...platform,
  store: objects,
  credentials: { lookup: () => ({ principal, secret: secretKey }) },
  authorizer: createGate(s3OperationRows, {
    bucket: (name) => objects.bucketAccess(name),
    isPublicBucket: () => false,
  }),
  region: "us-east-1",
  hostId: "bench",
  hooks: { onUnexpectedError: (error) => console.error(error) },
});
const server = new S3Server({ ...platform, gateway });
const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
process.stdin.once("close", () => process.exit()).resume();
console.log(port);
