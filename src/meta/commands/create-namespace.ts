import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  type CreateNamespace,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  NamespaceChange_Kind,
  NamespaceRowSchema,
  NamespaceState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { emptyTotals } from "../namespace-manifest.ts";
import { addNamespace, checkNewNamespace, checkSchema, checkSettings } from "../namespaces.ts";
import { logNamespaceChange } from "../oplog.ts";
import { refusedWith } from "../result.ts";

export function createNamespace(state: ApplyState, command: CreateNamespace): CommandResult {
  const { org, project, name, schema, schemaFormat, settings } = command;
  const problem =
    checkNewNamespace(state, command) ?? checkSchema(schema, schemaFormat) ?? checkSettings(settings);
  if (problem !== undefined) return refusedWith(problem);
  const row = create(NamespaceRowSchema, {
    org,
    project,
    name,
    createdAtMs: state.nowMs,
    updatedAtMs: state.nowMs,
    state: NamespaceState.LIVE,
    revision: 1n,
    nextNumber: 1n,
    totals: emptyTotals(),
    ...(settings !== undefined && { settings }),
  });
  const namespace = addNamespace(state, row, { schema, schemaFormat });
  logNamespaceChange(state, NamespaceChange_Kind.CREATED, namespace);
  return create(CommandResultSchema, {
    result: { case: "namespaceCreated", value: { namespaceId: namespace.namespaceId } },
  });
}
