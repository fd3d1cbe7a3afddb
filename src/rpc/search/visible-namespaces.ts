import { namespacesWithin, type Principal } from "../../access/index.ts";
import {
  type ListNamespaces,
  type NamespaceInfo,
  type NamespaceName,
  type NamespaceService as Namespaces,
  SearchError,
} from "../../search/index.ts";

/** Looked for at once. */
const AT_ONCE = 100;

/** As `listNamespaces`, of those alone that the principal may touch: nothing in the page, its length included, depends on any other. */
export async function visibleNamespaces(
  namespaces: Namespaces,
  principal: Principal,
  list: ListNamespaces,
): Promise<readonly NamespaceInfo[]> {
  const { org, project, prefix, after, limit } = list;
  const visible = namespacesWithin(principal, `${org}/${project}`);
  if (visible === "all") return namespaces.listNamespaces(list);
  const names = visible.filter((name) => name.startsWith(prefix) && name > after);
  const found: NamespaceInfo[] = [];
  for (let from = 0; from < names.length && found.length < limit; from += AT_ONCE) {
    const some = names.slice(from, from + AT_ONCE).map((name) => infoOf(namespaces, { org, project, name }));
    for (const info of await Promise.all(some)) if (info !== undefined) found.push(info);
  }
  return found.slice(0, limit);
}

async function infoOf(namespaces: Namespaces, name: NamespaceName): Promise<NamespaceInfo | undefined> {
  try {
    return await namespaces.getNamespace(name);
  } catch (error) {
    if (error instanceof SearchError && error.code === "not-found") return undefined;
    throw error;
  }
}
