import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRetryable } from "../support/register-workload.ts";
import { pause, seeded } from "../support/seeded.ts";
import { leaderOf } from "../support/status.ts";
import { TestCluster } from "../support/test-cluster.ts";

const BUCKET = "conditions";
const CREATORS = 1_000;
const ROUNDS = 2;
const seed = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);

type Outcome =
  | { readonly kind: "created"; readonly by: number }
  /** The connection broke or 503: it may have happened or not. */
  | { readonly kind: "unknown"; readonly by: number }
  | { readonly kind: "there-already"; readonly by: number }
  | { readonly kind: "wrong"; readonly by: number; readonly error: string };

/** Of the promise: of many who create one key on condition that it is new, one does, whatever happens to the leader. */
describe("If-None-Match: * while the leader is killed", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: 3 });
    const client = cluster.s3(cluster.node(1));
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    client.destroy();
  }, 120_000);

  afterAll(() => cluster?.stop());

  it(`${CREATORS} creators have one winner`, { timeout: 120_000 }, async () => {
    console.log(`seed ${seed} (SKERRY_TEST_SEED=${seed} repeats the moments)`);
    const random = seeded(seed);
    const clients = cluster.nodes.map((node) => cluster.s3(node, { maxAttempts: 1 }));
    for (let round = 1; round <= ROUNDS; round++) {
      const key = `round-${round}`;
      const leader = await leaderOf(cluster);
      // Mostly early, where it is not decided yet who wins.
      const killAt = Math.floor(random() ** 3 * CREATORS);
      const running: Promise<Outcome>[] = [];
      let killed: Promise<void> | undefined;
      for (let by = 0; by < CREATORS; by++) {
        if (by === killAt) killed = cluster.kill(leader);
        const client = clients[by % clients.length];
        if (client !== undefined) running.push(create(client, key, by));
        if (by % 20 === 0) await pause(1);
      }
      const outcomes = await Promise.all(running);
      await killed;
      cluster.launch(leader);
      await cluster.ready(leader);
      const winners = await whoIsThere(clients, key);
      report(round, outcomes, winners);
      judge(outcomes, winners);
    }
    for (const client of clients) client.destroy();
  });
});

async function create(client: S3Client, Key: string, by: number): Promise<Outcome> {
  try {
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: String(by), IfNoneMatch: "*" }));
    return { kind: "created", by };
  } catch (error) {
    if ((error as Error).name === "PreconditionFailed") return { kind: "there-already", by };
    if (isRetryable(error)) return { kind: "unknown", by };
    return { kind: "wrong", by, error: String(error) };
  }
}

/** What every node says that the key holds. */
async function whoIsThere(clients: readonly S3Client[], Key: string): Promise<(number | undefined)[]> {
  return Promise.all(
    clients.map(async (client) => {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
        return Number(await Body?.transformToString());
      } catch (error) {
        if ((error as Error).name === "NoSuchKey") return undefined;
        throw error;
      }
    }),
  );
}

function judge(outcomes: readonly Outcome[], winners: readonly (number | undefined)[]): void {
  expect(outcomes.filter(({ kind }) => kind === "wrong")).toEqual([]);
  expect(new Set(winners).size, "every node says the same").toBe(1);
  const [winner] = winners;
  const created = outcomes.filter(({ kind }) => kind === "created").map(({ by }) => by);
  expect(created.length, "how many were told that they had created it").toBeLessThanOrEqual(1);
  if (created.length === 1) expect(winner).toBe(created[0]);
  // Nobody is told that it is there when nobody can have made it.
  if (outcomes.some(({ kind }) => kind === "there-already")) expect(winner).toBeDefined();
  if (winner === undefined) return;
  const kindOfWinner = outcomes.find(({ by }) => by === winner)?.kind;
  expect(["created", "unknown"]).toContain(kindOfWinner);
}

function report(round: number, outcomes: readonly Outcome[], winners: readonly (number | undefined)[]): void {
  const counts = new Map<string, number>();
  for (const { kind } of outcomes) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  console.log(`round ${round}: ${JSON.stringify(Object.fromEntries(counts))}, the key holds ${winners}`);
}
