import { assert } from "../../base/index.ts";
import {
  type CommandResult,
  RefusalCode,
  type UpdateNamespace,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { NamespaceChange_Kind, NamespaceNameRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isRefusal } from "../heads.ts";
import { namespaceNameKey } from "../keys.ts";
import { checkSchema, checkSettings, findNamespace, replaceNamespace } from "../namespaces.ts";
import { logNamespaceChange } from "../oplog.ts";
import { done, refused, refusedWith } from "../result.ts";

/** Another schema, other settings, or both. The schema names the revision that its writer saw: of two changes from one schema one is refused. */
export function updateNamespace(state: ApplyState, command: UpdateNamespace): CommandResult {
  const namespace = findNamespace(state, command.namespaceId);
  if (isRefusal(namespace)) return refusedWith(namespace);
  const { schema, settings } = command;
  const problem =
    (schema && checkSchema(schema.schema, schema.schemaFormat)) ?? (settings && checkSettings(settings));
  if (problem !== undefined) return refusedWith(problem);
  const nameKey = namespaceNameKey(namespace.org, namespace.project, namespace.name);
  if (schema !== undefined) {
    const name = state.read(nameKey, NamespaceNameRowSchema);
    assert(name !== undefined, "a namespace that is not deleted has its name");
    if (name.schemaRevision !== schema.expectedRevision) return refused(RefusalCode.NAMESPACE_CHANGED, "");
    state.write(nameKey, NamespaceNameRowSchema, {
      ...name,
      schema: schema.schema,
      schemaFormat: schema.schemaFormat,
      schemaRevision: name.schemaRevision + 1n,
    });
  }
  const next = { ...namespace, updatedAtMs: state.nowMs, ...(settings !== undefined && { settings }) };
  replaceNamespace(state, namespace, next);
  logNamespaceChange(state, NamespaceChange_Kind.UPDATED, next);
  return done();
}
