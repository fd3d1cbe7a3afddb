/** Scopes of keys on namespaces: an organization, a project of it, or one namespace, written as "org", "org/project" or "org/project/name". */

import { AccessError } from "./errors.ts";
import type { Principal } from "./types.ts";

/** Most scopes on one key. */
export const MAX_KEY_NAMESPACES = 1000;
const SCOPE = /^[a-z0-9][a-z0-9_-]{0,62}(\/[a-z0-9][a-z0-9_-]{0,62}){0,2}$/;
const DEFAULT = "default";

/**
 * Whether the principal may touch what lies at `path` ("org", "org/project", "org/project/name"). A key that is limited to buckets gets at no namespace,
 * and the other way round: what a key is limited to is all that it has.
 */
export function mayTouchNamespace(principal: Principal, path: string): boolean {
  if (principal.namespaces === undefined) return principal.buckets === undefined;
  return principal.namespaces.some((scope) => isWithin(path, scope));
}

/** What of a project ("org/project") the principal may touch: "all", or the namespaces of these names, each once, in their order. */
export function namespacesWithin(principal: Principal, project: string): "all" | readonly string[] {
  if (mayTouchNamespace(principal, project)) return "all";
  const within = (principal.namespaces ?? []).filter((scope) => isWithin(scope, project));
  return [...new Set(within.map((scope) => scope.slice(project.length + 1)))].sort();
}

/** Whether everything in `scope` is in one of the scopes. */
export function isWithin(path: string, scope: string): boolean {
  return path === scope || path.startsWith(`${scope}/`);
}

/** The project that requests mean which name none: the one that all scopes of the key lie in, else "default/default". */
export function projectOf(principal: Principal): { readonly org: string; readonly project: string } {
  const projects = new Set(
    (principal.namespaces ?? []).map((scope) => scope.split("/").slice(0, 2).join("/")),
  );
  const [only = "", second] = [...projects];
  const [org, project] = only.split("/");
  if (second !== undefined || org === undefined || project === undefined)
    return { org: DEFAULT, project: DEFAULT };
  return { org, project };
}

/**
 * The organizations that a request counts for: of the namespaces and projects that it names ("org", "org/project", ...); where it names none, the one that all scopes of the
 * key lie in. Each once.
 */
export function organizationsOf(principal: Principal, paths: readonly string[]): readonly string[] {
  if (paths.length > 0) return [...new Set(paths.map(organizationOf))];
  const own = new Set((principal.namespaces ?? []).map(organizationOf));
  return own.size === 1 ? [...own] : [];
}

function organizationOf(path: string): string {
  return path.split("/", 1)[0] ?? "";
}

/** Throws AccessError "key-invalid". In a row an empty list means everything: a grant of nothing must not become one of all. */
export function checkNamespaces(scopes: readonly string[] | undefined): void {
  if (scopes === undefined) return;
  if (scopes.length === 0)
    throw new AccessError("key-invalid", "a key that is limited to namespaces names at least one");
  if (scopes.length > MAX_KEY_NAMESPACES) {
    throw new AccessError("key-invalid", `a key names at most ${MAX_KEY_NAMESPACES} scopes`);
  }
  for (const scope of scopes) {
    if (!SCOPE.test(scope)) {
      throw new AccessError(
        "key-invalid",
        'a scope is "org", "org/project" or "org/project/namespace", each of 1 to 63 of a-z, 0-9, "-" and "_"',
      );
    }
  }
}
