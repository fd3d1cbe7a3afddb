/**
 * `make demo`: three nodes on this machine, WordNet in a namespace, questions and answers, and a branch that goes its own way. On a terminal it then
 * answers what is typed.
 *
 *   --documents 25000   entries to load, up to 117,791
 *   --nodes 3
 */
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { SingleBar } from "cli-progress";
import { type Namespace, SkerryClient } from "../../src/client/index.ts";
import { DemoCluster } from "./demo-cluster.ts";
import { DICTIONARY_SCHEMA, type Dictionary, dictionary, VECTOR_DIMENSIONS } from "./dictionary.ts";
import { ask, byBoth, print, questions } from "./questions.ts";

const { values } = parseArgs({
  options: {
    documents: { type: "string", default: "25000" },
    nodes: { type: "string", default: "3" },
  },
});
const NAME = "demo/wordnet/dictionary";
const INDEX_POLL_MS = 250;

console.log(`Starting ${values.nodes} nodes ...`);
const cluster = await DemoCluster.start(Number(values.nodes));
process.once("SIGINT", () => void cluster.stop().then(() => process.exit(130)));
try {
  await demonstrate();
} finally {
  await cluster.stop();
}

async function demonstrate(): Promise<void> {
  // Any node answers for the whole cluster: what one has written the others show at once.
  const [first, last] = [cluster.endpoints[0]!, cluster.endpoints.at(-1)!].map((endpoint) =>
    new SkerryClient({ endpoint, apiKey: cluster.apiKey }).namespace(NAME),
  );
  const entries = trained();
  await load(first!, entries);
  await indexed(first!);
  for (const question of questions(entries)) await ask(last!, question);
  await goSeparateWays(first!);
  if (process.stdin.isTTY) await answer(last!, entries);
}

function trained(): Dictionary {
  const bar = progressBar("Training vectors  {bar} {percentage} %");
  bar.start(1, 0);
  const made = dictionary(Number(values.documents), (done, of) => {
    bar.setTotal(of);
    bar.update(done);
  });
  bar.stop();
  console.log(
    `${made.size} entries of WordNet, vectors of ${VECTOR_DIMENSIONS} dimensions from their glosses`,
  );
  return made;
}

async function load(namespace: Namespace, entries: Dictionary): Promise<void> {
  await namespace.create({ schema: DICTIONARY_SCHEMA });
  const bar = progressBar("Loading           {bar} {percentage} % | {value}/{total} | {eta_formatted} left");
  bar.start(entries.size, 0);
  const started = performance.now();
  const { version } = await namespace.upsertAll(entries.documents, {
    onProgress: ({ documents }) => bar.update(documents),
  });
  bar.stop();
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${entries.size} documents in ${seconds.toFixed(1)} s, durable on a majority of the nodes; version ${version}`,
  );
}

/** Fresh documents are searched before they are in an index, row by row; this waits for the index, so that what follows shows it. */
async function indexed(namespace: Namespace): Promise<void> {
  for (;;) {
    const {
      unindexed_documents: waiting = 0,
      segments,
      segment_bytes: bytes = 0,
    } = (await namespace.info()).statistics;
    if (waiting === 0) return console.log(`Indexed: ${segments} segments, ${(bytes / 1e6).toFixed(1)} MB`);
    await new Promise((wake) => setTimeout(wake, INDEX_POLL_MS));
  }
}

/** A branch shares what was there and nothing that came after, in either direction. */
async function goSeparateWays(trunk: Namespace): Promise<void> {
  const client = new SkerryClient({ endpoint: cluster.endpoints[0]!, apiKey: cluster.apiKey });
  const branch = client.namespace("demo/wordnet/mine");
  await trunk.branch("mine");
  await branch.write({
    upserts: [
      {
        id: "skerry",
        text: { words: "skerry", gloss: "a small rock that the sea does not move" },
        attributes: { part: "noun", topic: "object", synonyms: 1 },
      },
    ],
    delete_by_filter: ["topic", "Eq", "animal"],
  });
  console.log("\nA branch of it, without the animals and with a word of its own:");
  for (const [name, namespace] of [
    ["dictionary", trunk],
    ["mine", branch],
  ] as const) {
    const animals = await namespace.query({
      top_k: 0,
      filter: ["topic", "Eq", "animal"],
      aggregate: { metrics: { animals: ["count"] } },
    });
    console.log(`${name}: ${JSON.stringify(animals.aggregations?.[0]?.values ?? { animals: 0 })}`);
    print(await namespace.query({ text: "a rock that the sea does not move", top_k: 2 }));
  }
}

async function answer(namespace: Namespace, entries: Dictionary): Promise<void> {
  console.log("\nAsk for anything, in words; an empty line ends. The nodes:");
  for (const endpoint of cluster.endpoints) console.log(`  ${endpoint}`);
  console.log(`  export SKERRY_API_KEY=${cluster.apiKey}`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // Ctrl-C ends the questions, and then the nodes, as an empty line does.
  const gone = new AbortController();
  terminal.once("close", () => gone.abort());
  for (;;) {
    const words = await terminal.question("\n> ", { signal: gone.signal }).catch(() => "");
    if (words.trim() === "") break;
    await ask(namespace, { title: words, query: byBoth(entries, words) });
  }
  terminal.close();
}

function progressBar(format: string): SingleBar {
  return new SingleBar({
    stream: process.stderr,
    format,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
}
