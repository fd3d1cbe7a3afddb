import { ClusterError } from "../../../src/cluster/errors.ts";
import { NodeDirectory, type StoredIdentity } from "../../../src/cluster/node-directory.ts";
import { MemoryDisk } from "../../../src/cluster/testing/memory-disk.ts";
import { hasher } from "../../../src/segment/testing/harness.ts";
import { type FuzzTarget, refusalLabel, same, text } from "../target.ts";

const STORED: StoredIdentity = {
  identity: {
    clusterId: "cluster",
    nodeId: 3,
    name: "node-3",
    incarnation: "0123456789abcdef0123456789abcdef",
    certificatePem: "certificate",
    privateKeyPem: "private key",
    caCertificatePem: "ca certificate",
    keyEncryptionKey: new Uint8Array(32).fill(7),
  },
  createdAtMs: 1_750_000_000_000,
  foundingCaKeyPem: undefined,
};
const DIRECTORY = "/data/identity/";

async function written(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await new NodeDirectory({ disk, hasher, dataDirectory: "/data" }).create(STORED);
  return disk;
}
const files = (await written()).files;
const NODE_FILE = files.get(`${DIRECTORY}node.json`)!;

/** node.json changed in any way: the identity that was written, or a refusal. Also joining.json and peers.json of the same bytes. */
export const identityFiles: FuzzTarget = {
  name: "identity-files",
  maxBytes: 4096,
  dictionary: ['"version"', '"nodeId"', '"sha256"', "null", "[]", "{}", "1e999"],
  seeds: () => [
    NODE_FILE,
    text(JSON.stringify({ version: 1, name: "n", incarnation: "ab".repeat(16), privateKeyPem: "k" })),
    text(JSON.stringify({ version: 1, peers: [{ nodeId: 1, incarnation: "i", peerAddress: "h:1" }] })),
  ],
  property: async (input) => {
    const labels: string[] = [];
    for (const name of ["node.json", "joining.json", "peers.json"]) labels.push(await read(name, input));
    return labels.join(", ");
  },
};

async function read(name: string, bytes: Uint8Array): Promise<string> {
  const disk = new MemoryDisk();
  await disk.makeDirectory("/data/identity");
  if (name !== "joining.json") for (const [path, content] of files) disk.files.set(path, content);
  disk.files.set(DIRECTORY + name, bytes);
  const directory = new NodeDirectory({ disk, hasher, dataDirectory: "/data" });
  try {
    if (name === "peers.json") return `${(await directory.loadPeers()).length > 0 ? "some" : "no"} peers`;
    const state = await directory.inspect();
    if (state.kind === "member") same(state.stored, STORED, "an identity that was accepted");
    return state.kind;
  } catch (error) {
    return refusalLabel([ClusterError], error);
  }
}
