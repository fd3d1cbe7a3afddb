import { unreachable } from "../../base/index.ts";
import type { RowSet } from "../rows/row-set.ts";
import { addTextStatistics } from "../text/index.ts";
import type { LegHits, SearchUnit } from "../unit/ports.ts";
import { searchTogether } from "../vector/index.ts";
import type { Leg, SparseLeg, TextLeg, VectorLeg } from "./query.ts";
import type { Checkpoint, RowOfUnit, SearchSnapshot } from "./snapshot.ts";
import { firstRows } from "./sort-rows.ts";
import { textQueryOf } from "./text-query.ts";

/** Rows that tie with the last wanted one are asked for up to so many: beyond, the unit's own order decides between them. */
const MAX_TIED_ROWS = 4_096;

export interface ScoredRow extends RowOfUnit {
  readonly score: number;
}

export interface LegResult {
  /** Best first, ties by document id. */
  readonly hits: readonly ScoredRow[];
  /** By unit: rows scored, and whether none that is better was left out. */
  readonly units: readonly { readonly candidates: number; readonly exhaustive: boolean }[];
}

export interface LegRun {
  readonly snapshot: SearchSnapshot;
  /** By unit: the rows that live and pass the filter. */
  readonly allowed: readonly RowSet[];
  readonly k: number;
  readonly checkpoint: Checkpoint;
}

/** The best `k` rows of the snapshot by one leg. All units are searched at once. */
export async function runLeg(leg: Leg, run: LegRun): Promise<LegResult> {
  const { snapshot, k, checkpoint } = run;
  const answers = leg.kind === "vector" ? await vectorAnswers(leg, run) : await unitAnswers(leg, run);
  return {
    hits: await firstRows(snapshot, foundBy(answers), { most: k, compare: bestFirst, checkpoint }),
    units: answers.map(({ candidates, exhaustive }) => ({ candidates, exhaustive })),
  };
}

function foundBy(answers: readonly LegHits[]): readonly ScoredRow[] {
  return answers.flatMap(({ hits }, unit) => hits.map(({ row, score }) => ({ unit, row, score })));
}

export function bestFirst(left: ScoredRow, right: ScoredRow): number {
  return right.score - left.score;
}

const NOTHING: LegHits = { hits: [], candidates: 0, exhaustive: true };

/** Of all units together: what one has found bounds what the others look at. */
async function vectorAnswers(leg: VectorLeg, run: LegRun): Promise<readonly LegHits[]> {
  const { snapshot, allowed, k, checkpoint } = run;
  const pass = () => checkpoint.pass();
  return await withTies(
    k,
    async (most) => {
      await checkpoint.pass();
      const steps = await Promise.all(
        snapshot.units.map(async (unit, i) => {
          const rows = allowed[i] as RowSet;
          return rows.isEmpty() ? undefined : await unit.vectorSteps(leg, { k: most, allowed: rows, pass });
        }),
      );
      const answers = await searchTogether(
        steps.filter((one) => one !== undefined),
        most,
      );
      let next = 0;
      return steps.map((one) => (one === undefined ? NOTHING : (answers[next++] ?? NOTHING)));
    },
    (answers) => foundBy(answers).toSorted(bestFirst),
  );
}

/** Of each unit by itself. */
async function unitAnswers(leg: TextLeg | SparseLeg, run: LegRun): Promise<readonly LegHits[]> {
  const { snapshot, allowed, k, checkpoint } = run;
  const search = await searchOf(leg, run);
  return await Promise.all(
    snapshot.units.map(async (unit, i) => {
      const rows = allowed[i] as RowSet;
      if (rows.isEmpty()) return NOTHING;
      await checkpoint.pass();
      return await withTies(
        k,
        (most) => search(unit, i, rows, most),
        ({ hits }) => hits,
      );
    }),
  );
}

type UnitSearch = (unit: SearchUnit, place: number, allowed: RowSet, k: number) => Promise<LegHits>;

async function searchOf(leg: TextLeg | SparseLeg, run: LegRun): Promise<UnitSearch> {
  const pass = () => run.checkpoint.pass();
  switch (leg.kind) {
    case "sparse":
      return (unit, _, allowed, k) => unit.sparseHits(leg, { k, allowed, pass });
    case "text":
      return await textSearchOf(leg, run.snapshot, pass);
    default:
      return unreachable(leg);
  }
}

/** Two rounds: what every unit knows of the terms, then the search with the sum of it. */
async function textSearchOf(
  leg: TextLeg,
  { schema, units }: SearchSnapshot,
  pass: () => Promise<void>,
): Promise<UnitSearch> {
  const query = textQueryOf(leg, schema);
  const prepared = await Promise.all(units.map((unit) => unit.prepareText(query, pass)));
  const statistics = addTextStatistics(prepared.map((one) => one.statistics));
  return async (_, place, allowed, k) => {
    const { hits, scoredPostings } = (await prepared[place]?.search({ statistics, k, allowed, pass })) ?? {
      hits: [],
      scoredPostings: 0,
    };
    return { hits, candidates: scoredPostings, exhaustive: true };
  };
}

/** The best `k` rows with all that tie with the last of them, so that ids can decide between those. `hitsOf`: best first. */
async function withTies<T>(
  k: number,
  search: (most: number) => Promise<T>,
  hitsOf: (answer: T) => readonly { readonly score: number }[],
): Promise<T> {
  for (let most = k + 1; ; most = Math.min(most * 4, k + MAX_TIED_ROWS)) {
    const answer = await search(most);
    const hits = hitsOf(answer);
    const [wanted, last] = [hits[k - 1], hits[most - 1]];
    if (wanted === undefined || last === undefined || last.score < wanted.score) return answer;
    if (most === k + MAX_TIED_ROWS) return answer;
  }
}
