import { resolve } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  createApiKeyHasher,
  createSealer,
  type KeyGrant,
  mintApiKey,
  mintS3Key,
  type Owner,
  ownerNamed,
  type Sealer,
  storeApiKey,
  storeS3Key,
} from "../access/index.ts";
import { keyRow } from "../admin/index.ts";
import { EMPTY_BYTES, equalBytes, fromBase64, toBase64 } from "../base/index.ts";
import {
  completeFounding,
  FOUNDING_KEYS_FILE,
  foundCluster,
  foundingCommand,
  NodeDirectory,
  type NodeIdentity,
  type StoredIdentity,
} from "../cluster/index.ts";
import { PutKeySchema, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import { type KeyRow, KeyRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { Accounts, IdentityStore } from "../identity/index.ts";
import type { Metadata } from "../meta/index.ts";
import { DiskError, type Platform, type Random, readSmallFile } from "../platform/index.ts";
import { createNodePlatform } from "../platform/node/index.ts";
import type { Config } from "./config/index.ts";
import { describeSelf } from "./identity.ts";

/** The root user's keys, in the clear: shown once, by whoever founds a cluster. */
export interface RootKeys {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly apiKey: string;
}

export interface Founded {
  readonly clusterId: string;
  readonly dataDirectory: string;
  readonly keys: RootKeys;
}

/** Name of the user that the root keys belong to. */
const ROOT_USER = "root";

/** The owner of what root's keys and the configuration make. */
export function rootOwner(config: Config, clusterId: string): Owner {
  return {
    id: config["root.user_id"] || ownerNamed(clusterId, ROOT_USER).id,
    displayName: config["root.display_name"],
  };
}

/** Founds a cluster in the configured data directory. Throws ClusterError when it already belongs to a node. */
export async function foundNode(config: Config): Promise<Founded> {
  const platform = createNodePlatform();
  try {
    const dataDirectory = resolve(config["node.data_dir"]);
    const directory = new NodeDirectory({ disk: platform.disk, hasher: platform.hasher, dataDirectory });
    let keys: RootKeys | undefined;
    const { identity } = await foundCluster({
      directory,
      name: config["node.name"],
      nowMs: platform.clock.wallMs(),
      random: platform.random,
      beforeIdentity: async (made) => {
        const root = rootKeys(config, made, platform.random);
        await saveFoundingKeys(platform, dataDirectory, root.rows);
        keys = root.keys;
      },
    });
    if (keys === undefined) throw new Error("a cluster was founded without its root keys");
    return { clusterId: identity.clusterId, dataDirectory, keys };
  } finally {
    await platform.hasher.close();
  }
}

/** Root keys from the configuration where it has them, else new ones. */
function rootKeys(config: Config, identity: NodeIdentity, random: Random) {
  const configured = configuredRootKeys(config, identity, random);
  const { sealer, hasher, grant, randomBytes } = rootContext(config, identity, random);
  const s3 = configured.s3 ?? mintS3Key(grant, sealer, randomBytes);
  const api = configured.api ?? mintApiKey(grant, hasher, randomBytes);
  return {
    keys: { accessKey: s3.stored.keyId, secretKey: s3.secret, apiKey: api.secret },
    rows: [keyRow(s3.stored, "root"), keyRow(api.stored, "root")],
  };
}

function rootContext(config: Config, identity: NodeIdentity, random: Random) {
  const randomBytes = (length: number) => random.bytes(length);
  const grant: KeyGrant = {
    role: "admin",
    buckets: undefined,
    owner: rootOwner(config, identity.clusterId),
  };
  return {
    sealer: createSealer({ keyEncryptionKey: identity.keyEncryptionKey, randomBytes }),
    hasher: createApiKeyHasher(identity.keyEncryptionKey),
    grant,
    randomBytes,
  };
}

function configuredRootKeys(config: Config, identity: NodeIdentity, random: Random) {
  const { sealer, hasher, grant } = rootContext(config, identity, random);
  const keyId = config["root.access_key"];
  const apiKey = config["root.api_key"];
  return {
    s3: keyId === "" ? undefined : storeS3Key({ keyId, secret: config["root.secret_key"] }, grant, sealer),
    api: apiKey === "" ? undefined : storeApiKey(apiKey, grant, hasher),
  };
}

/** Rows of the root keys that the configuration brings; none when it brings none. */
function configuredRootKeyRows(config: Config, identity: NodeIdentity, random: Random): KeyRow[] {
  const { s3, api } = configuredRootKeys(config, identity, random);
  return [s3, api].filter((key) => key !== undefined).map((key) => keyRow(key.stored, "root"));
}

async function putKeyRows(metadata: Metadata, rows: readonly KeyRow[]): Promise<void> {
  for (const key of rows) {
    const result = await metadata.submit({
      case: "putKey",
      value: create(PutKeySchema, { key, replace: true }),
    });
    if (result.result.case === "refusal")
      throw new Error(`the root key was refused: ${result.result.value.detail}`);
  }
}

async function saveFoundingKeys(
  platform: Platform,
  dataDirectory: string,
  rows: readonly KeyRow[],
): Promise<void> {
  // Of a founding that a crash ended: its keys are those of no cluster.
  await removeFoundingKeys(platform, dataDirectory);
  const text = JSON.stringify(rows.map((row) => toBase64(toBinary(KeyRowSchema, row))));
  const file = await platform.disk.open(`${dataDirectory}/${FOUNDING_KEYS_FILE}`, "create");
  try {
    await file.write(0, [new TextEncoder().encode(text)]);
    await file.syncData();
  } finally {
    await file.close();
  }
  await platform.disk.syncDirectory(dataDirectory);
}

async function loadFoundingKeys(platform: Platform, dataDirectory: string): Promise<readonly KeyRow[]> {
  const bytes = await readSmallFile(platform.disk, `${dataDirectory}/${FOUNDING_KEYS_FILE}`);
  if (bytes === undefined) return [];
  const rows = JSON.parse(new TextDecoder().decode(bytes)) as string[];
  return rows.map((row) => fromBinary(KeyRowSchema, fromBase64(row) ?? EMPTY_BYTES));
}

async function removeFoundingKeys(platform: Platform, dataDirectory: string): Promise<void> {
  try {
    await platform.disk.remove(`${dataDirectory}/${FOUNDING_KEYS_FILE}`);
    await platform.disk.syncDirectory(dataDirectory);
  } catch (error) {
    if (!(error instanceof DiskError && error.code === "not-found")) throw error;
  }
}

export interface FoundingOptions {
  readonly config: Config;
  readonly platform: Platform;
  readonly dataDirectory: string;
  readonly directory: NodeDirectory;
  readonly stored: StoredIdentity;
  readonly sealer: Sealer;
  readonly metadata: Metadata;
}

/**
 * What a starting node still owes the metadata: the cluster itself on its founder, root keys that the configuration brings. Everything in it may be
 * done twice, so that a crash in between does no harm.
 */
export async function settleFounding(options: FoundingOptions): Promise<void> {
  const { config, platform, dataDirectory, directory, stored, metadata } = options;
  if (stored.foundingCaKeyPem !== undefined) {
    const command = foundingCommand({
      stored,
      sealer: options.sealer,
      node: describeSelf(config),
      replicationFactor: config["cluster.replication_factor"],
      deleteGraceSeconds: Math.round(config["cluster.delete_grace"] / 1000),
      nowMs: platform.clock.wallMs(),
    });
    const { result } = await metadata.submit({ case: "initCluster", value: command });
    if (result.case === "refusal" && result.value.code !== RefusalCode.ALREADY_INITIALISED) {
      throw new Error(`the cluster could not be founded: ${result.value.detail}`);
    }
    await putKeyRows(metadata, await loadFoundingKeys(platform, dataDirectory));
    await removeFoundingKeys(platform, dataDirectory);
    await completeFounding(directory);
  }
  await ensureRootUser(config, stored.identity, metadata);
  await putKeyRows(
    metadata,
    changedRows(metadata, configuredRootKeyRows(config, stored.identity, platform.random)),
  );
}

async function ensureRootUser(config: Config, identity: NodeIdentity, metadata: Metadata): Promise<void> {
  const accounts = new Accounts(new IdentityStore(metadata), identity.clusterId);
  const { id, displayName } = rootOwner(config, identity.clusterId);
  await accounts.ensure({ name: ROOT_USER, displayName, email: config["root.email"], canonicalId: id });
}

/** Sealing draws a nonce, so that rows differ although the key is the same: only what is not there, or has another hash, is written. */
function changedRows(metadata: Metadata, rows: readonly KeyRow[]): KeyRow[] {
  return rows.filter((row) => {
    const present = metadata.view.key(row.keyId);
    return (
      present === undefined || row.secretSealed.length > 0 || !equalBytes(present.secretHash, row.secretHash)
    );
  });
}
