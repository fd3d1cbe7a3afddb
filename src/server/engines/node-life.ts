import { ClusterError, type NodeDirectory, type NodeIdentity } from "../../cluster/index.ts";
import { type Disk, DiskError } from "../../platform/index.ts";
import type { EnginesOptions } from "./options.ts";

/** Lies in the log's directory and holds the number of the start that last used it. */
const STARTS_FILE = "starts";
const MAX_STARTS_BYTES = 32;

/** What the data directory says about earlier starts of Raft. */
export interface EarlierStarts {
  /** 0: Raft never ran here. */
  readonly count: number;
}

/**
 * Refuses a node that must not take part as who it was: one that the cluster removed, one whose log is gone (a wiped disk would forget what it
 * had promised), one whose log is older than the node. Starts are counted in the identity and beside the log; a log whose number is the smaller
 * one was brought back from somewhere. Throws ClusterError.
 */
export async function checkLife(options: LifeOptions): Promise<EarlierStarts> {
  const { identity } = options.identified.stored;
  const life = await options.identified.directory.loadLife();
  if (life.removed) throw nodeRemoved(identity);
  const { hasSegments, starts } = await readLog(options.platform.disk, logDirectory(options));
  if (life.raftStarts > 0 && !hasSegments) throw logMissing(identity, options.dataDirectory);
  if (starts < life.raftStarts) throw logOutdated(identity, options.dataDirectory);
  return { count: Math.max(life.raftStarts, starts) };
}

/** Raft runs: from now on a missing log is a lost log. */
export async function noteStart(options: LifeOptions, earlier: EarlierStarts): Promise<void> {
  const raftStarts = earlier.count + 1;
  // The log's own number first: a crash in between leaves it the greater one, which is no reason for doubt.
  await writeStarts(options.platform.disk, logDirectory(options), raftStarts);
  await options.identified.directory.saveLife({ raftStarts, removed: false });
}

/** The cluster has removed this node: it never starts again. Returns what to tell the operator. */
export async function noteRemoved(
  directory: NodeDirectory,
  identity: Pick<NodeIdentity, "name" | "nodeId">,
): Promise<ClusterError> {
  await directory.saveLife({ ...(await directory.loadLife()), removed: true });
  return nodeRemoved(identity);
}

/**
 * The log is an older one, as others say: the number beside it is taken away, so that each later start finds the same. Returns what to tell the operator,
 * also when that could not be written: the others will say it again.
 */
export async function noteOutdated(options: LifeOptions, cause: Error): Promise<ClusterError> {
  const { disk } = options.platform;
  const path = `${logDirectory(options)}/${STARTS_FILE}`;
  try {
    if (await disk.exists(path)) await disk.remove(path);
    await disk.syncDirectory(logDirectory(options));
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
  return logOutdated(options.identified.stored.identity, options.dataDirectory, cause);
}

export type LifeOptions = Pick<EnginesOptions, "platform" | "identified" | "dataDirectory">;

export function logMissing(identity: Pick<NodeIdentity, "name">, dataDirectory: string): ClusterError {
  return new ClusterError(
    "log-missing",
    `${identity.name} had a Raft log, and it is gone: without it the node would forget what it has promised to the others`,
    joinAnew(identity.name, dataDirectory),
  );
}

/** `cause` says how others know. */
export function logOutdated(
  identity: Pick<NodeIdentity, "name">,
  dataDirectory: string,
  cause?: Error,
): ClusterError {
  const how = cause === undefined ? "" : ` (${cause.message})`;
  return new ClusterError(
    "log-outdated",
    `the Raft log of ${identity.name} is older than the node: it was restored from a backup, copied from another disk, or started on another machine too${how}`,
    joinAnew(identity.name, dataDirectory),
    cause && { cause },
  );
}

/** How a machine whose node cannot come back becomes a new node. */
export function joinAnew(name: string, dataDirectory: string): string {
  return `on a node that is alive run \`skerry cluster remove ${name} --force\`; then empty ${dataDirectory}, and start this machine as a new node with the command that \`skerry cluster add\` prints (its copies are made again from the others)`;
}

function nodeRemoved({ name, nodeId }: Pick<NodeIdentity, "name" | "nodeId">): ClusterError {
  return new ClusterError(
    "node-removed",
    `the cluster has removed ${name} (node ${nodeId}); that is for ever`,
    "nothing is to be done here any more; to use the machine again, empty the data directory and start it as a new node with the command that `skerry cluster add` prints",
  );
}

function logDirectory({ dataDirectory }: LifeOptions): string {
  return `${dataDirectory}/raft`;
}

async function readLog(disk: Disk, directory: string) {
  const names = await namesIn(disk, directory);
  const hasSegments = names.some((name) => name.endsWith(".wal"));
  const starts = names.includes(STARTS_FILE) ? await readStarts(disk, `${directory}/${STARTS_FILE}`) : 0;
  return { hasSegments, starts };
}

async function namesIn(disk: Disk, directory: string): Promise<readonly string[]> {
  try {
    return (await disk.list(directory)).map(({ name }) => name);
  } catch (error) {
    if (error instanceof DiskError && error.code === "not-found") return [];
    throw error;
  }
}

/** 0 for what cannot be read: such a log is not the one that the identity speaks of. */
async function readStarts(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, "read");
  try {
    const bytes = new Uint8Array(MAX_STARTS_BYTES);
    const text = new TextDecoder().decode(bytes.subarray(0, await file.read(0, bytes)));
    return /^[1-9][0-9]{0,14}\n$/.test(text) ? Number(text) : 0;
  } finally {
    await file.close();
  }
}

/** Durable when it resolves; a crash on the way leaves the old number or the new one. */
async function writeStarts(disk: Disk, directory: string, starts: number): Promise<void> {
  const temporary = `${directory}/${STARTS_FILE}.new`;
  if (await disk.exists(temporary)) await disk.remove(temporary);
  const file = await disk.open(temporary, "create");
  try {
    await file.write(0, [new TextEncoder().encode(`${starts}\n`)]);
    await file.syncData();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, `${directory}/${STARTS_FILE}`);
  await disk.syncDirectory(directory);
}
