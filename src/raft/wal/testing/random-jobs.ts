import type { Prng } from "../../../base/index.ts";
import type { WalJob } from "../job.ts";
import { applyToModel, EMPTY_MODEL, entries, GROUP, type ModelState } from "./wal-harness.ts";

/** A reproducible history of jobs: terms, overwritten tails, compactions, now and then a snapshot. */
export function randomJobs(prng: Prng, count: number): WalJob[] {
  const jobs: WalJob[] = [];
  let state: ModelState = EMPTY_MODEL;
  let [markTerm, last] = [0, 0];
  for (let i = 0; i < count; i++) {
    let { hardState } = state;
    if (prng.chance(0.2))
      hardState = { term: hardState.term + 1, vote: prng.between(0, 3), commit: hardState.commit };
    if (hardState.term === 0) hardState = { term: 1, vote: 1, commit: 0 };
    const log = state.entries;
    const firstFree = Math.max(hardState.commit, state.markIndex) + 1;
    const kind = prng.unit();
    let job: WalJob = { groupId: GROUP, hardState };
    if (kind < 0.08 && log.length > 0) {
      const to = prng.pick(
        log.filter(({ index }) => index <= Math.max(hardState.commit, log[0]?.index ?? 0)),
      );
      job = { ...job, mark: { term: to.term, index: to.index, reset: false, bootstrap: false } };
      markTerm = to.term;
    } else if (kind < 0.11) {
      const mark = { term: hardState.term, index: last + prng.between(1, 10), reset: true, bootstrap: false };
      hardState = { ...hardState, commit: mark.index };
      job = { ...job, hardState, mark };
      markTerm = mark.term;
    } else {
      const end = log.at(-1)?.index ?? state.markIndex;
      const lastTerm = log.at(-1)?.term ?? markTerm;
      const overwrites = hardState.term > lastTerm && prng.chance(0.5);
      const from = overwrites ? prng.between(Math.min(firstFree, end + 1), end + 1) : end + 1;
      const to = from + prng.between(0, 3);
      job = { ...job, entries: entries(from, to, hardState.term) };
      hardState = { ...hardState, commit: prng.between(Math.min(hardState.commit, to), to) };
      job = { ...job, hardState };
    }
    jobs.push(job);
    state = applyToModel(state, job);
    last = state.entries.at(-1)?.index ?? state.markIndex;
  }
  return jobs;
}
