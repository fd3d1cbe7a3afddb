/**
 * `make bench-search`: vector and text search on real text, Skerry beside others, on one machine in one run.
 *
 *   --quick            10,000 documents only
 *   --queries 100      of each kind
 *   --million          one million made-up documents, Skerry's engine only; takes 8 GB of memory
 *   --keep DIRECTORY   where the million's segments are written, and taken from when they are there: 2.2 GB
 *   --only engine      engine, node or peers
 *   --postgres URL     a PostgreSQL server with pgvector to measure too: postgresql://user@host/database
 *
 * Text and vectors are of WordNet (data.ts); a filter passes 10, 1 or 0.1 % of the documents, drawn by chance. The exact answers are computed by the definition.
 */
import { parseArgs } from "node:util";
import { measureLimits, printLimits } from "../limits.ts";
import { corpus, madeUp } from "./data.ts";
import { engineSearcher } from "./engine.ts";
import { measure, Truth } from "./measure.ts";
import { benchNode } from "./node.ts";
import { benchPeers } from "./peers.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    queries: { type: "string", default: "100" },
    million: { type: "boolean", default: false },
    keep: { type: "string" },
    only: { type: "string" },
    postgres: { type: "string" },
  },
});
const queryCount = Number(values.queries);
const wants = (what: string) => values.only === undefined || values.only === what;

const limits = await measureLimits();
printLimits(limits);
for (const count of values.quick ? [10_000] : [10_000, 100_000]) {
  console.log(
    `\n${count.toLocaleString("en")} entries of WordNet, 384 dimensions, ${queryCount} queries of each kind`,
  );
  const { rows, queries } = corpus(count, queryCount);
  const truth = new Truth(rows);
  if (wants("engine")) {
    const searcher = await engineSearcher(count, (at, length) => rows.slice(at, at + length));
    await measure(searcher, queries, truth);
  }
  if (wants("node")) await benchNode(rows, queries, truth, limits);
  if (wants("peers")) await benchPeers({ rows, queries, truth }, values.postgres);
}
if (values.million) await million();

/** Made up from real ones. Rows share the texts; their vectors are 1.5 GB. */
async function million(): Promise<void> {
  const count = 1_000_000;
  console.log(
    `\n${count.toLocaleString("en")} made-up documents: mixes of WordNet's vectors, and their texts`,
  );
  const { rows: real, queries } = corpus(20_000, queryCount);
  const rows = madeUp(real, count, "million");
  const searcher = await engineSearcher(count, (at, length) => rows.slice(at, at + length), values.keep);
  await measure(searcher, queries, new Truth(rows));
}
