/**
 * PostgreSQL with pgvector, on a server that runs already: `--postgres postgresql://user@host/database`. Its extension `vector` has to be installed there. The table is
 * the benchmark's own, and is dropped at the end. The driver is installed for the benchmark alone.
 */
import { type Bench, loadPackage } from "./bench.ts";
import { DIMENSIONS, type Row } from "./data.ts";
import { loading, measure, TOP } from "./measure.ts";

const DRIVER = "pg@8.23.1";
const TABLE = "skerry_bench_search";
/** Rows of one INSERT. */
const BATCH_ROWS = 500;

interface Postgres {
  readonly Client: new (options: { readonly connectionString: string }) => Client;
}

interface Client {
  connect(): Promise<void>;
  end(): Promise<void>;
  query(
    query: string | { readonly name: string; readonly text: string; readonly values: readonly unknown[] },
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly { readonly id: number; readonly version: string }[] }>;
}

export async function benchPostgres(url: string, { rows, queries, truth }: Bench): Promise<void> {
  const { Client } = loadPackage<Postgres>("pg", DRIVER);
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("CREATE EXTENSION IF NOT EXISTS vector");
    const versions = await client.query(
      "SELECT 0 AS id, current_setting('server_version') || ', pgvector ' || extversion AS version FROM pg_extension WHERE extname = 'vector'",
    );
    const name = "PostgreSQL, pgvector HNSW";
    console.log(`  ${name}: PostgreSQL ${versions.rows[0]?.version}`);
    await loading(name, rows.length, () => load(client, rows));
    // As its manual recommends for filters: the walk goes on until enough rows pass.
    await client.query("SET hnsw.iterative_scan = relaxed_order");
    await client.query("SET hnsw.ef_search = 100");
    await measure(
      {
        name,
        filters: true,
        vector: async (query, below) => {
          const where = below === undefined ? "" : `WHERE number < ${below}`;
          const text = `SELECT id FROM ${TABLE} ${where} ORDER BY vector <=> $1 LIMIT ${TOP}`;
          const found = await client.query({ name: `vector-${below}`, text, values: [literal(query)] });
          return found.rows.map(({ id }) => id);
        },
        text: (words) => {
          const text = `SELECT id FROM ${TABLE}, to_tsquery('english', $1) AS query WHERE texts @@ query ORDER BY ts_rank_cd(texts, query) DESC LIMIT ${TOP}`;
          return client.query({ name: "text", text, values: [words.split(" ").join(" | ")] });
        },
      },
      queries,
      truth,
    );
  } finally {
    await client.query(`DROP TABLE IF EXISTS ${TABLE}`);
    await client.end();
  }
}

async function load(client: Client, rows: readonly Row[]): Promise<void> {
  await client.query(`DROP TABLE IF EXISTS ${TABLE}`);
  await client.query(
    `CREATE TABLE ${TABLE} (id integer PRIMARY KEY, words text, gloss text, number integer, vector vector(${DIMENSIONS}),
     texts tsvector GENERATED ALWAYS AS (setweight(to_tsvector('english', words), 'A') || setweight(to_tsvector('english', gloss), 'B')) STORED)`,
  );
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    const batch = rows.slice(at, at + BATCH_ROWS);
    const places = batch.map((_, i) => `(${[1, 2, 3, 4, 5].map((column) => `$${5 * i + column}`)})`);
    await client.query(
      `INSERT INTO ${TABLE} (id, words, gloss, number, vector) VALUES ${places}`,
      batch.flatMap(({ id, words, gloss, number, vector }) => [id, words, gloss, number, literal(vector)]),
    );
  }
  // The graph is built many times faster where it fits.
  await client.query("SET maintenance_work_mem = '1GB'");
  await client.query(`CREATE INDEX ON ${TABLE} USING hnsw (vector vector_cosine_ops)`);
  await client.query(`CREATE INDEX ON ${TABLE} USING gin (texts)`);
  await client.query(`CREATE INDEX ON ${TABLE} (number)`);
  await client.query(`ANALYZE ${TABLE}`);
}

function literal(vector: Float32Array): string {
  return `[${vector.join(",")}]`;
}
