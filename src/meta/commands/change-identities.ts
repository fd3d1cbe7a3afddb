import { create } from "@bufbuild/protobuf";
import {
  type ChangeIdentities,
  type CommandResult,
  type IdentityChange,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { IdentityRowSchema, IdentityTotalsRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { IDENTITY_TOTALS_KEY, identityKey } from "../keys.ts";
import { MAX_IDENTITIES, MAX_IDENTITY_CHANGES, MAX_IDENTITY_NAME_BYTES } from "../limits.ts";
import { done, refused } from "../result.ts";

/**
 * Several identities at once, each on the condition that it is as the caller saw it: what is true of them together (names that are used once,
 * counted attachments, members on both sides) is checked by the caller, and stays true because nothing may have changed in between.
 */
export function changeIdentities(state: ApplyState, command: ChangeIdentities): CommandResult {
  const { changes } = command;
  if (state.cluster() === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (changes.length === 0 || changes.length > MAX_IDENTITY_CHANGES) {
    return refused(RefusalCode.INVALID, "the number of identities");
  }
  if (new Set(changes.map(({ name }) => name)).size !== changes.length) {
    return refused(RefusalCode.INVALID, "an identity is changed once");
  }
  let added = 0n;
  for (const change of changes) {
    const { name, expectedRevision, row } = change;
    if (!isSound(change)) return refused(RefusalCode.INVALID, "an identity's name");
    const present = state.read(identityKey(name), IdentityRowSchema);
    if ((present?.revision ?? 0n) !== expectedRevision) return refused(RefusalCode.IDENTITY_CHANGED, name);
    if (present === undefined && row === undefined) return refused(RefusalCode.INVALID, "nothing to remove");
    added += (row === undefined ? 0n : 1n) - (present === undefined ? 0n : 1n);
  }
  const totals = state.read(IDENTITY_TOTALS_KEY, IdentityTotalsRowSchema);
  const count = (totals?.count ?? 0n) + added;
  if (added > 0n && count > MAX_IDENTITIES) return refused(RefusalCode.TOO_LARGE, "too many identities");
  const nextRevision = write(state, changes, totals?.nextRevision ?? 1n);
  state.write(
    IDENTITY_TOTALS_KEY,
    IdentityTotalsRowSchema,
    create(IdentityTotalsRowSchema, { count, nextRevision }),
  );
  return done();
}

function isSound({ name, row }: IdentityChange): boolean {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0 || bytes > MAX_IDENTITY_NAME_BYTES) return false;
  return row === undefined || (row.name === name && row.record.case !== undefined);
}

function write(state: ApplyState, changes: readonly IdentityChange[], firstRevision: bigint): bigint {
  let revision = firstRevision;
  for (const { name, row } of changes) {
    const key = identityKey(name);
    if (row === undefined) {
      state.delete(key);
      continue;
    }
    const createdAtMs = state.read(key, IdentityRowSchema)?.createdAtMs ?? state.nowMs;
    state.write(key, IdentityRowSchema, { ...row, revision, createdAtMs });
    revision += 1n;
  }
  return revision;
}
