/**
 * What others make of the same rows. Each is installed for the benchmark alone, into the cache folder of this user; what cannot be had is skipped, and said so. Figures
 * are not like for like: libraries in this process do not survive the machine, and only some of them filter, or rank texts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Bench, loadPackage } from "./bench.ts";
import { DIMENSIONS } from "./data.ts";
import { line, loading, measure, TOP } from "./measure.ts";
import { benchPostgres } from "./postgres.ts";

const LANCEDB = "@lancedb/lancedb@0.39.0";
const USEARCH = "usearch@2.26.2";
const MINISEARCH = "minisearch@7.2.0";

/** Each of them; one that fails does not end the others. `postgres`: the URL of a server, if there is one. */
export async function benchPeers(bench: Bench, postgres: string | undefined): Promise<void> {
  for (const [name, run] of [
    [
      "PostgreSQL, pgvector HNSW",
      () => (postgres === undefined ? noServer() : benchPostgres(postgres, bench)),
    ],
    ["LanceDB", benchLance],
    ["usearch (HNSW, memory)", benchUsearch],
    ["SQLite FTS5", benchSqlite],
    ["MiniSearch (memory)", benchMiniSearch],
  ] as const) {
    try {
      await run(name, bench);
    } catch (error) {
      line(name, "SKIPPED", String(error).slice(0, 150));
    }
  }
}

function noServer(): Promise<void> {
  throw new Error("no server was named: --postgres postgresql://user@host/database");
}

interface Lance {
  connect(folder: string): Promise<{ createTable(name: string, rows: unknown[]): Promise<LanceTable> }>;
  readonly Index: { hnswSq(options: object): unknown; ivfPq(options: object): unknown; fts(): unknown };
}

interface LanceTable {
  createIndex(column: string, options?: object): Promise<void>;
  search(query: unknown, kind?: string): LanceQuery;
}

interface LanceQuery {
  distanceType(kind: string): LanceQuery;
  where(filter: string): LanceQuery;
  select(columns: string[]): LanceQuery;
  limit(count: number): LanceQuery;
  toArray(): Promise<{ id: number | bigint }[]>;
}

async function benchLance(name: string, { rows, queries, truth }: Bench): Promise<void> {
  // Else it warns of every flat search, thousands of times.
  process.env["LANCEDB_LOG"] ??= "error";
  const lance = loadPackage<Lance>("lancedb", LANCEDB);
  const folder = mkdtempSync(join(tmpdir(), "skerry-bench-lance-"));
  try {
    const table = await loading(name, rows.length, async () => {
      const plain = rows.map((row) => ({ ...row, vector: Array.from(row.vector) }));
      const made = await (await lance.connect(folder)).createTable("rows", plain);
      await made.createIndex("vector", { config: lance.Index.hnswSq({ distanceType: "cosine" }) });
      await made.createIndex("gloss", { config: lance.Index.fts() });
      return made;
    });
    const ids = (found: { id: number | bigint }[]) => found.map(({ id }) => Number(id));
    await measure(
      {
        name,
        filters: true,
        vector: async (query, below) => {
          const search = table.search(query).distanceType("cosine").select(["id"]).limit(TOP);
          return ids(await (below === undefined ? search : search.where(`number < ${below}`)).toArray());
        },
        text: (words) => table.search(words, "fts").select(["id"]).limit(TOP).toArray(),
      },
      queries,
      truth,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Usearch {
  readonly Index: new (
    options: object,
  ) => {
    add(keys: BigUint64Array, vectors: Float32Array): void;
    search(vector: Float32Array, count: number, threads?: number): { readonly keys: BigUint64Array };
  };
}

async function benchUsearch(name: string, { rows, queries, truth }: Bench): Promise<void> {
  const { Index } = loadPackage<Usearch>("usearch", USEARCH);
  const index = new Index({ dimensions: DIMENSIONS, metric: "cos", quantization: "f32" });
  await loading(name, rows.length, async () => {
    const all = new Float32Array(rows.length * DIMENSIONS);
    for (const [at, { vector }] of rows.entries()) all.set(vector, at * DIMENSIONS);
    index.add(
      BigUint64Array.from(rows, ({ id }) => BigInt(id)),
      all,
    );
  });
  const vector = async (query: Float32Array) => Array.from(index.search(query, TOP, 1).keys, Number);
  await measure({ name, filters: false, vector }, queries, truth);
}

async function benchSqlite(name: string, { rows, queries, truth }: Bench): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-bench-sqlite-"));
  const database = new DatabaseSync(join(folder, "rows.db"));
  try {
    await loading(name, rows.length, async () => {
      database.exec("CREATE VIRTUAL TABLE rows USING fts5(words, gloss, tokenize = 'porter unicode61')");
      const insert = database.prepare("INSERT INTO rows (rowid, words, gloss) VALUES (?, ?, ?)");
      database.exec("BEGIN");
      for (const { id, words, gloss } of rows) insert.run(id, words, gloss);
      database.exec("COMMIT");
    });
    const best = database.prepare(
      "SELECT rowid FROM rows WHERE rows MATCH ? ORDER BY bm25(rows, 2.0, 1.0) LIMIT ?",
    );
    const text = async (words: string) => best.all(words.split(" ").join(" OR "), TOP);
    await measure({ name, filters: false, text }, queries, truth);
  } finally {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface MiniSearchModule {
  readonly default?: MiniSearchClass;
}

type MiniSearchClass = new (
  options: object,
) => {
  addAll(rows: readonly object[]): void;
  search(words: string, options: object): readonly unknown[];
};

async function benchMiniSearch(name: string, { rows, queries, truth }: Bench): Promise<void> {
  const module = loadPackage<MiniSearchModule & MiniSearchClass>("minisearch", MINISEARCH);
  const index = new (module.default ?? module)({ fields: ["words", "gloss"] });
  await loading(name, rows.length, async () => {
    index.addAll(rows.map(({ id, words, gloss }) => ({ id, words, gloss })));
  });
  const text = async (words: string) => index.search(words, { boost: { words: 2 } }).slice(0, TOP);
  await measure({ name, filters: false, text }, queries, truth);
}
