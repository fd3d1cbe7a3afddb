import { invalid } from "../errors.ts";
import { checkLimit } from "../model/limits.ts";
import type { Leg, Query } from "../query/query.ts";
import type { RecallReport } from "../service.ts";
import type { EngineContext } from "./context.ts";
import type { NamespaceSnapshot } from "./snapshot.ts";

export interface RecallRequest {
  readonly queries: readonly Query[];
  readonly samples: number;
  readonly k: number;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

/** Runs each query as it is and once more with every vector compared, and says how much of the exact answer was found. */
export async function measureRecall(
  context: EngineContext,
  snapshot: NamespaceSnapshot,
  request: RecallRequest,
): Promise<RecallReport> {
  checkLimit("topK", request.k);
  const queries =
    request.queries.length > 0 ? request.queries : await sampledQueries(context, snapshot, request);
  const on = { units: snapshot.units(), schema: snapshot.schema };
  const { signal, deadlineMs } = request;
  const options = { nowMs: context.clock.wallMs(), signal, deadlineMs };
  const recalls: number[] = [];
  for (const query of queries) {
    const plain: Query = {
      ...query,
      topK: request.k,
      projection: { kind: "id" },
      facets: [],
      explain: false,
    };
    const exact: Query = { ...plain, legs: plain.legs.map(exactLeg) };
    const [found] = await context.kernel.query([plain], on, options);
    const [wanted] = await context.kernel.query([exact], on, options);
    const ids = new Set(found?.hits.map(({ id }) => id));
    const hits = wanted?.hits ?? [];
    const common = hits.filter(({ id }) => ids.has(id)).length;
    recalls.push(hits.length === 0 ? 1 : common / hits.length);
  }
  const sum = recalls.reduce((total, recall) => total + recall, 0);
  return {
    queries: recalls.length,
    recall: recalls.length === 0 ? 1 : sum / recalls.length,
    worst: Math.min(1, ...recalls),
  };
}

function exactLeg(leg: Leg): Leg {
  return leg.kind === "vector" ? { ...leg, exact: true } : leg;
}

/** Vectors of documents that are there, of the first vector field. */
async function sampledQueries(
  { random, clock }: EngineContext,
  snapshot: NamespaceSnapshot,
  { samples }: RecallRequest,
): Promise<readonly Query[]> {
  checkLimit("fetchDocuments", samples);
  const [field] = snapshot.schema.vectors.keys();
  if (field === undefined) throw invalid("the namespace has no vectors to sample: give queries");
  const queries: Query[] = [];
  const all = snapshot.units();
  const live = await Promise.all(all.map((unit) => unit.liveRows(clock.wallMs())));
  const counts = live.map((rows) => rows.count());
  const total = counts.reduce((sum, count) => sum + count, 0);
  for (let i = 0; i < samples && total > 0; i++) {
    let at = random.below(total);
    const unitAt = counts.findIndex((count) => {
      if (at < count) return true;
      at -= count;
      return false;
    });
    const row = live[unitAt]!.toRows()[at]!;
    const fields = new Set([field]);
    const [document] = await all[unitAt]!.documents(Uint32Array.of(row), { kind: "fields", fields });
    const vector = document?.vectors.get(field);
    if (vector === undefined) continue;
    queries.push(vectorQuery(field, vector));
  }
  return queries;
}

function vectorQuery(field: string, vector: Float32Array): Query {
  return {
    topK: 1,
    legs: [{ kind: "vector", field, vector, exact: false, weight: 1 }],
    ranking: { kind: "rrf", k: 60 },
    facets: [],
    projection: { kind: "id" },
    explain: false,
  };
}
