/**
 * The TypeScript client of namespaces: `import { SkerryClient, eq } from "skerry/client"`. It needs nothing but `fetch`.
 *
 *   const client = new SkerryClient({ endpoint: "http://127.0.0.1:8080", apiKey });
 *   const docs = client.namespace("acme/web/docs");
 *   await docs.write({ upserts: [{ id: 1, text: { title: "rocks" }, attributes: { year: 2024 } }] });
 *   const { results } = await docs.query({ text: "rock", filter: gte("year", 2023) });
 *
 * Calls that failed for now are repeated, with the same idempotency key where they write. Errors are `SkerryError` with the server's code.
 */
import { type ClientOptions, Http } from "./http.ts";
import { Namespace } from "./namespace.ts";
import type { NamespaceInfo, Quota, QuotaLimits } from "./types.ts";

export { SkerryError } from "./errors.ts";
export * from "./filters.ts";
export { type ClientOptions, parse as parseJson } from "./http.ts";
export { type LongCallOptions, Namespace, type WriteOptions } from "./namespace.ts";
export type * from "./types.ts";
export type { UpsertAllOptions, UpsertProgress } from "./upsert-all.ts";

export class SkerryClient {
  readonly #http: Http;

  constructor(options: ClientOptions) {
    this.#http = new Http(options);
  }

  /** By "name", in the project of the key, or "org/project/name". */
  namespace(name: string): Namespace {
    const parts = name.split("/").map(encodeURIComponent);
    const [org, project, namespace] = parts;
    if (parts.length === 1) return new Namespace(this.#http, `/v1/namespaces/${org}`);
    if (parts.length !== 3) throw new TypeError(`a namespace is "name" or "org/project/name", not "${name}"`);
    return new Namespace(this.#http, `/v1/orgs/${org}/projects/${project}/namespaces/${namespace}`);
  }

  /** What an organization ("org") or a project ("org/project") holds and may hold. */
  async quota(scope: string): Promise<Quota> {
    return (await this.#http.json<{ quota: Quota }>({ method: "GET", path: quotaPath(scope) })).quota;
  }

  /** Replaces all three limits; one that is left out is none. SkerryError "permission_denied" for a key that is limited to the scope itself. */
  async setQuota(scope: string, limits: QuotaLimits): Promise<Quota> {
    const call = { method: "PUT", path: quotaPath(scope), body: limits };
    return (await this.#http.json<{ quota: Quota }>(call)).quota;
  }

  /** Of a project ("org/project"; default: that of the key), in the order of their names. */
  async *namespaces(
    options: { readonly project?: string; readonly prefix?: string } = {},
  ): AsyncIterable<NamespaceInfo> {
    const [org, project] = options.project?.split("/").map(encodeURIComponent) ?? [];
    const path = org === undefined ? "/v1/namespaces" : `/v1/orgs/${org}/projects/${project}/namespaces`;
    let cursor: string | undefined = "";
    while (cursor !== undefined) {
      const query = new URLSearchParams({ prefix: options.prefix ?? "", cursor });
      const page: { readonly namespaces: readonly NamespaceInfo[]; readonly next_cursor?: string } =
        await this.#http.json({ method: "GET", path: `${path}?${query}` });
      yield* page.namespaces;
      cursor = page.next_cursor;
    }
  }
}

function quotaPath(scope: string): string {
  const [org, project, ...rest] = scope.split("/").map(encodeURIComponent);
  if (rest.length > 0) throw new TypeError(`a quota is of "org" or "org/project", not "${scope}"`);
  return project === undefined ? `/v1/orgs/${org}/quota` : `/v1/orgs/${org}/projects/${project}/quota`;
}
