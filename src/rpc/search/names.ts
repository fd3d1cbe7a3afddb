import { type Principal, projectOf } from "../../access/index.ts";
import { checkName, type NamespaceName, SearchError } from "../../search/index.ts";

/** As requests name a namespace. */
export interface NamedNamespace {
  readonly org: string;
  readonly project: string;
  readonly namespace: string;
}

/** Throws SearchError for names that are none. What is left out is the project of the key. */
export function namespaceName(
  principal: Principal,
  { org, project, namespace }: NamedNamespace,
): NamespaceName {
  const home = projectNamed(principal, org, project);
  checkName("namespace", namespace);
  return { ...home, name: namespace };
}

export function projectNamed(
  principal: Principal,
  org: string,
  project: string,
): { readonly org: string; readonly project: string } {
  if (org === "" && project === "") return projectOf(principal);
  checkName("organization", org);
  checkName("project", project);
  return { org, project };
}

/** Where a branch or a copy goes: "name" beside its source, or "org/project/name". */
export function targetName(principal: Principal, source: NamespaceName, target: string): NamespaceName {
  const [first = "", project, namespace, ...rest] = target.split("/");
  if (project === undefined) return namespaceName(principal, { ...source, namespace: first });
  if (namespace === undefined || rest.length > 0) {
    throw new SearchError("invalid-argument", 'a target is "name" or "org/project/name"', { path: "target" });
  }
  return namespaceName(principal, { org: first, project, namespace });
}

export function pathOf({ org, project, name }: NamespaceName): string {
  return `${org}/${project}/${name}`;
}
