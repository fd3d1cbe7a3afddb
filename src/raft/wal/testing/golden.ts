/** The content of the golden log of version 1: every kind of record, and a tail that was overwritten. */

import type { ConfState, Entry } from "../../types.ts";
import type { WalJob } from "../job.ts";
import { entry, GROUP } from "./wal-harness.ts";

export const GOLDEN_CONF_STATE: ConfState = {
  voters: [1, 2, 3],
  learners: [4],
  votersOutgoing: [1, 2, 5],
  learnersNext: [5],
  autoLeave: true,
};

export const GOLDEN_CHANGE: Entry = {
  index: 12,
  term: 2,
  type: "EntryConfChangeV2",
  data: new Uint8Array([8, 1]),
  timeMs: 1_700_000_000_123,
};

/** One batch each. */
export const GOLDEN_JOBS: readonly WalJob[] = [
  {
    groupId: GROUP,
    hardState: { term: 1, vote: 3, commit: 10 },
    fence: { term: 1, index: 9 },
    mark: { term: 1, index: 10, reset: true, bootstrap: true },
    confState: { index: 10, confState: GOLDEN_CONF_STATE },
  },
  {
    groupId: GROUP,
    hardState: { term: 2, vote: 0, commit: 10 },
    entries: [entry(11, 2), GOLDEN_CHANGE, entry(13, 2, ""), entry(14, 2)],
  },
  {
    groupId: GROUP,
    hardState: { term: 2 ** 40 + 5, vote: 2, commit: 12 },
    entries: [entry(14, 2 ** 40 + 5)],
  },
  { groupId: GROUP, mark: { term: 2, index: 11, reset: false, bootstrap: true } },
];
