import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  RefusalCode,
  type SetSearchQuota,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { SearchScopeRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { searchScopeKey } from "../keys.ts";
import { isScopeName, writeScope } from "../namespaces.ts";
import { done, refused } from "../result.ts";

/** What is there beyond a new limit stays; nothing is added to it. */
export function setSearchQuota(state: ApplyState, command: SetSearchQuota): CommandResult {
  const { org, project, maxNamespaces, maxBytes, maxDocuments } = command;
  if (!isScopeName(org) || (project !== "" && !isScopeName(project))) {
    return refused(RefusalCode.INVALID, "the name of the organization or the project");
  }
  const key = searchScopeKey(org, project);
  const row = state.read(key, SearchScopeRowSchema) ?? create(SearchScopeRowSchema);
  writeScope(state, key, { ...row, maxNamespaces, maxBytes, maxDocuments });
  return done();
}
