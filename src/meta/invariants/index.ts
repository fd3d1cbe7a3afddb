/**
 * Recomputes everything that the rows derive from one another and says what does not hold: for tests, fsck and the simulator. It reads the
 * state in key order and looks up the counterparts of each row, in both directions, so that its memory does not grow with the state (but for
 * a counter for each bucket). It must run on a view of the store that does not change.
 */

import { SHARD_RANGE, TABLES, tableLetter } from "../keys.ts";
import { checkBlobs, checkQueues, checkReferences } from "./blobs.ts";
import { Check, type CheckedRows, type Violation } from "./check.ts";
import {
  checkCopysets,
  checkEncryptionKeys,
  checkEncryptionUses,
  checkIdentities,
  checkKeys,
  checkMaintenance,
  checkNodes,
  checkOplog,
  checkSessions,
  checkTokens,
  checkWorkerCursors,
} from "./cluster.ts";
import { checkCopies } from "./copies.ts";
import {
  checkBucketCounters,
  checkConfigurations,
  checkObjects,
  checkUploads,
  readBuckets,
} from "./manifests.ts";
import { checkNamespaces } from "./namespaces.ts";
import { checkSearchStores } from "./search-stores.ts";
import { checkVersions } from "./versions.ts";

export type { CheckedRows, Violation } from "./check.ts";

/** Everything that does not hold; empty: all is well. An empty store is fine. */
export async function checkInvariants(rows: CheckedRows): Promise<readonly Violation[]> {
  const check = new Check(rows);
  const letters = new Set<string>(Object.values(TABLES));
  for await (const { key } of rows.scan(SHARD_RANGE)) {
    check.holds(letters.has(tableLetter(key)), "every row is of a known table", key);
  }
  await readBuckets(check);
  await checkConfigurations(check);
  await checkObjects(check);
  await checkVersions(check);
  await checkUploads(check);
  await checkBucketCounters(check);
  await checkNamespaces(check);
  await checkBlobs(check);
  await checkReferences(check);
  await checkQueues(check);
  await checkCopies(check);
  await checkSearchStores(check);
  await checkKeys(check);
  await checkIdentities(check);
  await checkMaintenance(check);
  await checkEncryptionKeys(check);
  await checkEncryptionUses(check);
  await checkWorkerCursors(check);
  await checkTokens(check);
  await checkNodes(check);
  await checkCopysets(check);
  await checkSessions(check);
  await checkOplog(check);
  return check.violations;
}
