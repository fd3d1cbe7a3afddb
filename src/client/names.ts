import { ArgumentError } from "./errors.ts";

/** Of an organization, a project and a namespace. */
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** By "name", in the project of the key, or "org/project/name". All of these throw ArgumentError for what is no such name. */
export function namespacePath(name: string): string {
  const [first, project, namespace] = partsOf(name, [1, 3], 'a namespace is "name" or "org/project/name"');
  if (namespace === undefined) return `/v1/namespaces/${first}`;
  return `/v1/orgs/${first}/projects/${project}/namespaces/${namespace}`;
}

/** Of the namespaces of "org/project"; undefined: of the project of the key. */
export function projectPath(scope: string | undefined): string {
  if (scope === undefined) return "/v1/namespaces";
  const [org, project] = partsOf(scope, [2], 'a project is "org/project"');
  return `/v1/orgs/${org}/projects/${project}/namespaces`;
}

export function quotaPath(scope: string): string {
  const [org, project] = partsOf(scope, [1, 2], 'a quota is of "org" or "org/project"');
  return project === undefined ? `/v1/orgs/${org}/quota` : `/v1/orgs/${org}/projects/${project}/quota`;
}

/** Where a branch or a copy goes. */
export function checkTarget(target: string): void {
  partsOf(target, [1, 3], 'a target is "name" or "org/project/name"');
}

function partsOf(name: string, counts: readonly number[], rule: string): readonly string[] {
  const parts = String(name).split("/");
  if (!counts.includes(parts.length)) throw new ArgumentError(`${rule}, not "${name}"`);
  const wrong = parts.find((part) => !NAME.test(part));
  if (wrong === undefined) return parts;
  throw new ArgumentError(
    `a name is 1 to 63 of a-z, 0-9, "-" and "_", and begins with a letter or digit, not "${wrong}"`,
  );
}
