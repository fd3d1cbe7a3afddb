/**
 * The TypeScript client of namespaces: `import { SkerryClient, eq } from "skerry/client"`. It needs nothing but `fetch`.
 *
 *   const client = new SkerryClient({ endpoint: "http://127.0.0.1:8080", apiKey });
 *   const docs = client.namespace("acme/web/docs");
 *   await docs.write({ upserts: [{ id: 1, text: { title: "rocks" }, attributes: { year: 2024 } }] });
 *   const { results } = await docs.query({ text: "rock", filter: gte("year", 2023) });
 *
 * Calls that failed for now are repeated, with the same idempotency key where they write. Errors are `SkerryError` with the server's code, and `ArgumentError`
 * for what no call can be made with.
 */
import { type ClientOptions, Http } from "./http.ts";
import { namespacePath, projectPath, quotaPath } from "./names.ts";
import { Namespace } from "./namespace.ts";
import type { NamespaceInfo, Quota, QuotaLimits } from "./types.ts";

export { ArgumentError, SkerryError } from "./errors.ts";
export * from "./filters.ts";
export type { ClientOptions } from "./http.ts";
export { format as formatJson, parse as parseJson } from "./json.ts";
export { type LongCallOptions, Namespace, type WriteOptions } from "./namespace.ts";
export type * from "./types.ts";
export { UpsertAllError, type UpsertAllOptions, type UpsertProgress } from "./upsert-all.ts";

export class SkerryClient {
  readonly #http: Http;

  constructor(options: ClientOptions) {
    this.#http = new Http(options);
  }

  /** By "name", in the project of the key, or "org/project/name". Throws ArgumentError, a TypeError, for what is no such name; so do the methods below. */
  namespace(name: string): Namespace {
    return new Namespace(this.#http, namespacePath(name));
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
    const path = projectPath(options.project);
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
