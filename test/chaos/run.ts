/** One chaos run: start, disturb, heal, read everything, stop, judge. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { createPrng } from "../../src/base/index.ts";
import {
  checkLinearizability,
  describeVerdict,
  objectModel,
} from "../../src/sim/checkers/linearizability/index.ts";
import { checkOplogs, describeAnomalies } from "../../src/sim/checkers/list-append/index.ts";
import { ChaosCluster } from "./chaos-cluster.ts";
import { auditNodes } from "./final-audit.ts";
import { NamespaceClients } from "./namespace-clients.ts";
import { Nemesis } from "./nemesis.ts";
import { ObjectClients } from "./object-clients.ts";
import { drawSteps, type FaultKind } from "./schedule.ts";

const BUCKET = "chaos";
/** Much more than histories of these sizes need; what it does not decide is a failure. */
const MAX_STEPS_PER_PARTITION = 20_000_000;

export interface ChaosOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Of the faults; start and judgement come on top. */
  readonly durationMs: number;
  readonly kinds: readonly FaultKind[];
}

export interface ChaosRun {
  readonly figures: Readonly<Record<string, string | number>>;
  readonly violations: readonly string[];
  /** It stays when something was violated. */
  readonly directory: string;
}

export async function runChaos(options: ChaosOptions, say: (line: string) => void): Promise<ChaosRun> {
  const cluster = await ChaosCluster.start(options);
  const onSignal = () => {
    void cluster.close({ keepLogs: false }).finally(() => process.exit(130));
  };
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  let keepLogs = true;
  try {
    const { figures, violations } = await disturb(cluster, options, say);
    keepLogs = violations.length > 0;
    return { figures, violations, directory: cluster.directory };
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    await cluster.close({ keepLogs });
  }
}

async function disturb(cluster: ChaosCluster, options: ChaosOptions, say: (line: string) => void) {
  const prng = createPrng(options.seed);
  const s3 = cluster.nodes.map((node) => cluster.cluster.s3(node, { maxAttempts: 1 }));
  await s3[0]?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const clients = new ObjectClients({ clients: s3, bucket: BUCKET, prng: prng.fork("clients") });
  const namespaces = new NamespaceClients({
    endpoints: cluster.nodes.map((node) => cluster.cluster.endpointOf(node)),
    apiKey: cluster.cluster.apiKey,
    prng: prng.fork("namespaces"),
  });
  const began = process.hrtime.bigint();
  const nemesis = new Nemesis({
    cluster,
    writtenElsewhere: (node) => clients.writtenElsewhere(node),
    say: (line) => say(`  ${secondsSince(began)} s: ${line}`),
  });
  clients.start();
  namespaces.start();
  const violations: string[] = [];
  let finalReads = 0;
  try {
    for (const step of drawSteps(prng.fork("faults"), options)) await nemesis.run(step);
    await Promise.all([clients.stop(), namespaces.stop()]);
    await nemesis.expectWritable();
    await clients.writeEverywhere();
    finalReads = await clients.readAll();
    await namespaces.readAll();
  } catch (error) {
    await Promise.all([clients.stop(), namespaces.stop()]);
    violations.push(`the cluster did not come back: ${(error as Error).message}`);
  }
  for (const client of s3) client.destroy();
  const wire = await cluster.network.stats();
  await Promise.all(cluster.nodes.map((node) => cluster.cluster.kill(node, "SIGTERM")));
  const audits = await auditNodes(cluster.nodes);

  const operations = clients.history.operations();
  writeFileSync(
    join(cluster.directory, "history.jsonl"),
    operations.map((operation) => `${JSON.stringify(operation)}\n`).join(""),
  );
  const verdict = checkLinearizability(objectModel, operations, {
    maxStepsPerPartition: MAX_STEPS_PER_PARTITION,
  });
  if (verdict.kind !== "ok") violations.push(describeVerdict(objectModel, verdict));
  const oplogs = checkOplogs(
    audits.map(({ oplog }) => oplog),
    operations,
  );
  if (oplogs.anomalies.length > 0) violations.push(`the oplogs: ${describeAnomalies(oplogs.anomalies)}`);
  namespaces.judge();
  violations.push(
    ...nemesis.violations,
    ...clients.violations,
    ...namespaces.violations,
    ...audits.flatMap((audit) => audit.violations),
  );
  const { calls, unknown, refused, folders } = clients.counts;
  return {
    violations,
    figures: {
      calls: `${calls} (${refused} refused, ${unknown} of unknown outcome, ${finalReads} final reads)`,
      "histories checked": `${verdict.partitions} (${folders} folders, ${operations.length} operations)`,
      verdict: `${verdict.kind} in ${verdict.steps} steps`,
      "faults by kind": spelled(nemesis.faults),
      "calls of nodes that failed": nemesis.failedCalls,
      packets: `${wire.carried} carried, ${wire.dropped} dropped, ${wire.delayed} delayed`,
      recoveries: spelled(Object.entries(nemesis.recoveries)),
      "errors that clients saw": spelled(clients.errors),
      "calls of namespaces": namespaces.figures.calls,
      "what came of them": namespaces.figures.marks,
      "errors of namespaces": namespaces.figures.errors,
      oplogs: `${oplogs.anomalies.length} anomalies in ${oplogs.transactions} transactions, ${oplogs.dependencies} dependencies`,
      "applied when stopped": audits
        .map(({ node, appliedIndex }) => `node ${node}: ${appliedIndex}`)
        .join(", "),
    },
  };
}

function secondsSince(began: bigint): string {
  return (Number(process.hrtime.bigint() - began) / 1e9).toFixed(1).padStart(6);
}

function spelled(counts: Iterable<readonly [string, number]>): string {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(", ") || "none";
}
