import { create } from "@bufbuild/protobuf";
import { QuotaSchema } from "../../gen/skerry/search/v1/search_pb.js";
import { checkName, type NamespaceScope, type Quota } from "../../search/index.ts";

/** Everything: what only keys without limits on namespaces may touch. */
const EVERYTHING = "*";

/** Throws SearchError for names that are none. */
export function scopeNamed({ org, project }: NamespaceScope): NamespaceScope {
  checkName("organization", org);
  if (project !== "") checkName("project", project);
  return { org, project };
}

/** What the gate is asked about by whoever reads. */
export function scopeTouched(scope: NamespaceScope) {
  return () => [{ namespace: pathOf(scope) }];
}

/** ... and by whoever sets limits: nobody sets those that bind the own key. */
export function scopeAboveTouched(scope: NamespaceScope) {
  return () => [{ namespace: pathOf(scope) }, { namespace: scope.project === "" ? EVERYTHING : scope.org }];
}

function pathOf(scope: NamespaceScope): string {
  const { org, project } = scopeNamed(scope);
  return project === "" ? org : `${org}/${project}`;
}

export function quotaMessage(quota: Quota) {
  return create(QuotaSchema, { ...quota });
}
