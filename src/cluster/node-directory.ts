/**
 * The identity of a node, in the directory `identity` of its data directory.
 *
 *   identity/node.json           who this is, and the other files with their SHA-256; replaced as a whole
 *   identity/node-<n>.crt        certificate, PEM          a renewal writes <n+1>, then node.json, then removes <n>
 *   identity/node-<n>.key        private key, PKCS#8 PEM
 *   identity/ca-<n>.crt          the cluster CA's certificate, PEM
 *   identity/kek-<n>.bin         key-encryption key, 32 bytes
 *   identity/founding-<n>.key    only between founding a cluster and its first commit: the CA's private key, PEM
 *   identity/joining.json        only while a node joins: its name, incarnation and private key
 *   identity/life.json           how often Raft was started here, and whether the cluster has removed this node
 *   identity/peers.json          other nodes' addresses as last seen; a hint, may be missing
 *
 * Every file is replaced as a whole (`replaceFile`). `node.json` is written last, and it alone decides: a crash leaves the old identity or the new
 * one, with files of no meaning beside it, which the next write removes. Its own SHA-256 stands in its last field. What does not fit together is
 * refused, never mended: an identity is not made up again.
 */

import { fromHex, Mutex, toHex } from "../base/index.ts";
import { DiskError, readSmallFile, replaceFile } from "../platform/index.ts";
import type { Disk, Hasher } from "../platform/ports.ts";
import { ClusterError } from "./errors.ts";
import type { NodeIdentity } from "./ports.ts";

export const IDENTITY_FORMAT_VERSION = 1;

const DIRECTORY = "identity";
const NODE_FILE = "node.json";
const JOINING_FILE = "joining.json";
const PEERS_FILE = "peers.json";
const LIFE_FILE = "life.json";
/** In the data directory: rows of the root keys, sealed and hashed. Written before the identity of a founder, removed after the first commit. */
export const FOUNDING_KEYS_FILE = "founding-keys.json";
/** What may lie in a data directory that was never used: made by file systems, by the lock that keeps others out, and by a founding that a crash ended. */
const HARMLESS_NAMES: ReadonlySet<string> = new Set([
  "lost+found",
  "LOCK",
  "lock",
  ".lock",
  DIRECTORY,
  FOUNDING_KEYS_FILE,
]);

/** A node's identity as its directory holds it. */
export interface StoredIdentity {
  readonly identity: NodeIdentity;
  readonly createdAtMs: number;
  /** Of the node that founds a cluster, until the metadata holds the sealed key: the CA's private key, PEM. */
  readonly foundingCaKeyPem: string | undefined;
}

/** A node that has begun to join: kept so that a second try is the same node with the same key. */
export interface JoiningDraft {
  readonly name: string;
  readonly incarnation: string;
  readonly privateKeyPem: string;
}

/** Where another node was last seen. */
export interface PeerAddress {
  readonly nodeId: number;
  readonly incarnation: string;
  /** "host:port". */
  readonly peerAddress: string;
}

/** What has happened to a node so far. Of the identity, so that it outlives whatever else is lost of the data directory. */
export interface NodeLife {
  /** How often Raft was started. The log's own directory holds the same number: a smaller one there is that of an older log. */
  readonly raftStarts: number;
  /** The cluster has removed this node, for ever. */
  readonly removed: boolean;
}

const NEW_LIFE: NodeLife = { raftStarts: 0, removed: false };

export type DirectoryState =
  | { readonly kind: "fresh" }
  | { readonly kind: "joining"; readonly draft: JoiningDraft }
  | { readonly kind: "member"; readonly stored: StoredIdentity };

type FileRole = "certificate" | "privateKey" | "caCertificate" | "keyEncryptionKey" | "foundingCaKey";

interface FileEntry {
  readonly name: string;
  readonly sha256: string;
}

interface NodeFile {
  readonly format: number;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly name: string;
  readonly incarnation: string;
  readonly createdAtMs: number;
  readonly files: Readonly<Partial<Record<FileRole, FileEntry>>>;
}

export interface NodeDirectoryOptions {
  readonly disk: Disk;
  readonly hasher: Pick<Hasher, "digest">;
  /** Absolute. Made when it is missing. */
  readonly dataDirectory: string;
}

export class NodeDirectory {
  readonly #disk: Disk;
  readonly #hasher: Pick<Hasher, "digest">;
  readonly #dataDirectory: string;
  readonly #directory: string;
  /** A file is replaced once at a time, and none while those of an older identity are removed. */
  readonly #writing = new Mutex();

  constructor(options: NodeDirectoryOptions) {
    this.#disk = options.disk;
    this.#hasher = options.hasher;
    this.#dataDirectory = options.dataDirectory;
    this.#directory = `${options.dataDirectory}/${DIRECTORY}`;
  }

  /**
   * What the directory says. Throws ClusterError: "identity-missing" when there is data without an identity, "identity-partial",
   * "identity-damaged", "identity-version"; and DiskError.
   */
  async inspect(): Promise<DirectoryState> {
    const text = await this.#readText(NODE_FILE);
    if (text !== undefined) return { kind: "member", stored: await this.#load(text) };
    await this.#refuseForeignData();
    const draft = await this.#readText(JOINING_FILE);
    return draft === undefined ? { kind: "fresh" } : { kind: "joining", draft: parseDraft(draft) };
  }

  /** The identity. Throws like `inspect`, and "identity-missing" also for a directory that is fresh or joining. */
  async load(): Promise<StoredIdentity> {
    const state = await this.inspect();
    if (state.kind === "member") return state.stored;
    throw new ClusterError(
      "identity-missing",
      "this data directory does not belong to a node yet",
      "found a cluster with `skerry cluster init`, or join one with a join token",
    );
  }

  /**
   * Writes the identity of a node that has none, after `before`, which finds the data directory made. Throws ClusterError "identity-exists" when there is
   * one.
   */
  create(stored: StoredIdentity, before?: () => Promise<void> | undefined): Promise<void> {
    return this.#writing.run(async () => {
      const state = await this.inspect();
      if (state.kind === "member") throw identityExists();
      await this.#prepare();
      await before?.();
      await this.#store(stored);
    });
  }

  /** Replaces certificates, keys or the founding key of the same node. Throws ClusterError "identity-exists" for another node's. */
  replace(stored: StoredIdentity): Promise<void> {
    return this.#writing.run(async () => {
      const present = (await this.load()).identity;
      const same =
        present.clusterId === stored.identity.clusterId &&
        present.nodeId === stored.identity.nodeId &&
        present.incarnation === stored.identity.incarnation;
      if (!same) throw identityExists();
      await this.#store(stored);
    });
  }

  /** Keeps what a join has begun with. */
  saveDraft(draft: JoiningDraft): Promise<void> {
    const text = `${JSON.stringify({ format: IDENTITY_FORMAT_VERSION, ...draft })}\n`;
    return this.#writing.run(async () => {
      const state = await this.inspect();
      if (state.kind === "member") throw identityExists();
      await this.#prepare();
      await this.#writeFile(JOINING_FILE, encodeText(text));
    });
  }

  savePeers(peers: readonly PeerAddress[]): Promise<void> {
    const bytes = encodeText(`${JSON.stringify(peers)}\n`);
    return this.#writing.run(() => this.#writeFile(PEERS_FILE, bytes));
  }

  /** None when the file is missing or unreadable: it is a hint. */
  async loadPeers(): Promise<readonly PeerAddress[]> {
    return parsePeers((await this.#readText(PEERS_FILE)) ?? "[]");
  }

  /** Throws ClusterError "identity-damaged" when the file is there and is not what was written. */
  async loadLife(): Promise<NodeLife> {
    const text = await this.#readText(LIFE_FILE);
    if (text === undefined) return NEW_LIFE;
    const value = parseJson(text);
    if (!isRecord(value)) throw damaged(`${LIFE_FILE} is not a JSON object`);
    const { sha256, format, ...life } = value;
    if (typeof format === "number" && format > IDENTITY_FORMAT_VERSION) throw laterVersion(LIFE_FILE, format);
    const isWhole = sha256 === this.#sha256(encodeText(JSON.stringify({ format, ...life })));
    if (!isWhole || !isNodeLife(life)) throw damaged(`${LIFE_FILE} is not what was written`);
    return { raftStarts: life.raftStarts, removed: life.removed };
  }

  /** Durable when it resolves. */
  async saveLife({ raftStarts, removed }: NodeLife): Promise<void> {
    const content = { format: IDENTITY_FORMAT_VERSION, raftStarts, removed };
    const sha256 = this.#sha256(encodeText(JSON.stringify(content)));
    const bytes = encodeText(`${JSON.stringify({ ...content, sha256 })}\n`);
    await this.#writing.run(() => this.#writeFile(LIFE_FILE, bytes));
  }

  async #store(stored: StoredIdentity): Promise<void> {
    await this.#prepare();
    const number = await this.#nextFileNumber();
    const { identity } = stored;
    const contents: readonly (readonly [FileRole, string, Uint8Array])[] = [
      ["certificate", `node-${number}.crt`, encodeText(identity.certificatePem)],
      ["privateKey", `node-${number}.key`, encodeText(identity.privateKeyPem)],
      ["caCertificate", `ca-${number}.crt`, encodeText(identity.caCertificatePem)],
      ["keyEncryptionKey", `kek-${number}.bin`, identity.keyEncryptionKey],
      ...(stored.foundingCaKeyPem === undefined
        ? []
        : ([["foundingCaKey", `founding-${number}.key`, encodeText(stored.foundingCaKeyPem)]] as const)),
    ];
    const files: Partial<Record<FileRole, FileEntry>> = {};
    for (const [role, name, bytes] of contents) {
      await this.#writeFile(name, bytes);
      files[role] = { name, sha256: this.#sha256(bytes) };
    }
    const nodeFile: NodeFile = {
      format: IDENTITY_FORMAT_VERSION,
      clusterId: identity.clusterId,
      nodeId: identity.nodeId,
      name: identity.name,
      incarnation: identity.incarnation,
      createdAtMs: stored.createdAtMs,
      files,
    };
    await this.#writeFile(NODE_FILE, this.#encodeNodeFile(nodeFile));
    await this.#removeOthers(
      new Set([NODE_FILE, PEERS_FILE, LIFE_FILE, ...contents.map(([, name]) => name)]),
    );
  }

  async #load(text: string): Promise<StoredIdentity> {
    const node = this.#parseNodeFile(text);
    const read = async (role: FileRole): Promise<Uint8Array> => {
      const entry = node.files[role];
      if (entry === undefined) throw damaged(`${NODE_FILE} does not name the file of the ${role}`);
      return this.#readChecked(entry);
    };
    const identity: NodeIdentity = {
      clusterId: node.clusterId,
      nodeId: node.nodeId,
      name: node.name,
      incarnation: node.incarnation,
      certificatePem: decodeText(await read("certificate")),
      privateKeyPem: decodeText(await read("privateKey")),
      caCertificatePem: decodeText(await read("caCertificate")),
      keyEncryptionKey: await read("keyEncryptionKey"),
    };
    const founding = node.files.foundingCaKey;
    return {
      identity,
      createdAtMs: node.createdAtMs,
      foundingCaKeyPem: founding === undefined ? undefined : decodeText(await this.#readChecked(founding)),
    };
  }

  async #readChecked(entry: FileEntry): Promise<Uint8Array> {
    const bytes = await this.#readFile(entry.name);
    if (bytes === undefined) {
      throw new ClusterError(
        "identity-partial",
        `the identity's file ${entry.name} is missing`,
        RESTORE_ADVICE,
      );
    }
    if (this.#sha256(bytes) !== entry.sha256) throw damaged(`${entry.name} is not what was written`);
    return bytes;
  }

  #encodeNodeFile(node: NodeFile): Uint8Array {
    const sha256 = this.#sha256(encodeText(JSON.stringify(node)));
    return encodeText(`${JSON.stringify({ ...node, sha256 }, undefined, 2)}\n`);
  }

  #parseNodeFile(text: string): NodeFile {
    const value = parseJson(text);
    if (!isRecord(value)) throw damaged(`${NODE_FILE} is not a JSON object`);
    const { sha256, ...rest } = value;
    if (typeof rest.format === "number" && rest.format > IDENTITY_FORMAT_VERSION) {
      throw laterVersion(NODE_FILE, rest.format);
    }
    if (sha256 !== this.#sha256(encodeText(JSON.stringify(rest))))
      throw damaged(`${NODE_FILE} is not what was written`);
    if (!isNodeFile(rest)) throw damaged(`${NODE_FILE} lacks fields`);
    return rest;
  }

  #sha256(bytes: Uint8Array): string {
    return toHex(this.#hasher.digest("sha256", bytes));
  }

  /** A directory with something in it that no identity explains is never taken over. */
  async #refuseForeignData(): Promise<void> {
    const entries = await this.#list(this.#dataDirectory);
    const foreign = entries.find((name) => !HARMLESS_NAMES.has(name));
    if (foreign !== undefined) {
      throw new ClusterError(
        "identity-missing",
        `the data directory holds data ("${foreign}") but no identity (${DIRECTORY}/${NODE_FILE})`,
        "restore the identity directory from a backup, or choose an empty data directory",
      );
    }
    const leftover = (await this.#list(this.#directory)).find((name) =>
      /^(node|ca|kek)-\d+\.(crt|key|bin)$/.test(name),
    );
    if (leftover === undefined || (await this.#disk.exists(`${this.#directory}/${JOINING_FILE}`))) return;
    throw new ClusterError(
      "identity-partial",
      `there is ${DIRECTORY}/${leftover} but no ${DIRECTORY}/${NODE_FILE}: the identity was never completed or was lost in part`,
      `restore ${DIRECTORY}/${NODE_FILE} from a backup; if this node never started, remove the ${DIRECTORY} directory and begin again`,
    );
  }

  async #prepare(): Promise<void> {
    await this.#disk.makeDirectory(this.#directory);
    await this.#disk.syncDirectory(parentOf(this.#dataDirectory));
    await this.#disk.syncDirectory(this.#dataDirectory);
  }

  async #nextFileNumber(): Promise<number> {
    const numbers = (await this.#list(this.#directory)).map((name) =>
      Number(/-(\d+)\./.exec(name)?.[1] ?? 0),
    );
    return Math.max(0, ...numbers) + 1;
  }

  async #removeOthers(kept: ReadonlySet<string>): Promise<void> {
    for (const name of await this.#list(this.#directory)) {
      if (!kept.has(name)) await this.#disk.remove(`${this.#directory}/${name}`);
    }
    await this.#disk.syncDirectory(this.#directory);
  }

  async #list(path: string): Promise<readonly string[]> {
    try {
      return (await this.#disk.list(path)).map((entry) => entry.name);
    } catch (error) {
      if (error instanceof DiskError && error.code === "not-found") return [];
      throw error;
    }
  }

  #writeFile(name: string, bytes: Uint8Array): Promise<void> {
    return replaceFile(this.#disk, `${this.#directory}/${name}`, bytes);
  }

  async #readText(name: string): Promise<string | undefined> {
    const bytes = await this.#readFile(name);
    return bytes === undefined ? undefined : decodeText(bytes);
  }

  /** Undefined when there is no such file. */
  #readFile(name: string): Promise<Uint8Array | undefined> {
    return readSmallFile(this.#disk, `${this.#directory}/${name}`);
  }
}

const RESTORE_ADVICE =
  "restore the identity directory from a backup; without one, empty the data directory and join as a new node (the cluster repairs the lost copies)";

function damaged(message: string): ClusterError {
  return new ClusterError("identity-damaged", message, RESTORE_ADVICE);
}

function laterVersion(name: string, format: number): ClusterError {
  return new ClusterError(
    "identity-version",
    `${name} has format ${format}; this program knows ${IDENTITY_FORMAT_VERSION}`,
    "start this data directory with the program version that wrote it, or a newer one",
  );
}

function identityExists(): ClusterError {
  return new ClusterError(
    "identity-exists",
    "this data directory already belongs to a node",
    "start the node as it is, or choose an empty data directory",
  );
}

function parseDraft(text: string): JoiningDraft {
  const value = parseJson(text);
  if (isRecord(value) && value.format === IDENTITY_FORMAT_VERSION) {
    const { name, incarnation, privateKeyPem } = value;
    if (typeof name === "string" && typeof incarnation === "string" && typeof privateKeyPem === "string") {
      return { name, incarnation, privateKeyPem };
    }
  }
  throw new ClusterError(
    "identity-damaged",
    `${DIRECTORY}/${JOINING_FILE} cannot be read`,
    `this node has not joined yet: remove the ${DIRECTORY} directory and join again with a new token`,
  );
}

function parsePeers(text: string): readonly PeerAddress[] {
  const value = parseJson(text);
  return Array.isArray(value) ? value.filter(isPeerAddress) : [];
}

function isPeerAddress(value: unknown): value is PeerAddress {
  return (
    isRecord(value) &&
    Number.isSafeInteger(value.nodeId) &&
    typeof value.incarnation === "string" &&
    typeof value.peerAddress === "string"
  );
}

function isNodeFile(value: Record<string, unknown>): value is Record<string, unknown> & NodeFile {
  const { files } = value;
  return (
    value.format === IDENTITY_FORMAT_VERSION &&
    typeof value.clusterId === "string" &&
    Number.isSafeInteger(value.nodeId) &&
    typeof value.name === "string" &&
    typeof value.incarnation === "string" &&
    typeof value.createdAtMs === "number" &&
    isRecord(files) &&
    Object.values(files).every(isFileEntry)
  );
}

function isNodeLife(value: Record<string, unknown>): value is Record<string, unknown> & NodeLife {
  return (
    Number.isSafeInteger(value.raftStarts) &&
    Number(value.raftStarts) >= 0 &&
    typeof value.removed === "boolean"
  );
}

function isFileEntry(value: unknown): value is FileEntry {
  return (
    isRecord(value) &&
    typeof value.name === "string" &&
    /^[a-z]+-\d+\.[a-z]+$/.test(value.name) &&
    typeof value.sha256 === "string" &&
    fromHex(value.sha256)?.length === 32
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
