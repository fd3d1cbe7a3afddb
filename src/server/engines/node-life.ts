import { ClusterError, type NodeDirectory, type NodeIdentity } from "../../cluster/index.ts";
import { type Disk, DiskError } from "../../platform/index.ts";
import { forgetStartCount, readStartCount, writeStartCount } from "../../raft/index.ts";
import type { EnginesOptions } from "./options.ts";

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
  const { disk } = options.platform;
  if (life.raftStarts > 0 && !(await hasSegments(disk, logDirectory(options))))
    throw logMissing(identity, options.dataDirectory);
  const starts = await readStartCount(disk, logDirectory(options));
  if (starts < life.raftStarts) throw logOutdated(identity, options.dataDirectory);
  return { count: Math.max(life.raftStarts, starts) };
}

/** Raft runs: from now on a missing log is a lost log. */
export async function noteStart(options: LifeOptions, earlier: EarlierStarts): Promise<void> {
  const raftStarts = earlier.count + 1;
  // The log's own number first: a crash in between leaves it the greater one, which is no reason for doubt.
  await writeStartCount(options.platform.disk, logDirectory(options), raftStarts);
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
  try {
    await forgetStartCount(options.platform.disk, logDirectory(options));
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

async function hasSegments(disk: Disk, directory: string): Promise<boolean> {
  try {
    return (await disk.list(directory)).some(({ name }) => name.endsWith(".wal"));
  } catch (error) {
    if (error instanceof DiskError && error.code === "not-found") return false;
    throw error;
  }
}
