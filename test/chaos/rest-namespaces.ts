/** Namespaces through the REST surface of one node, each call asked once. */
import { SEARCH_ERROR_CODES, SearchError } from "../../src/search/errors.ts";
import type { PlainDocument, PlainId } from "../../src/sim/namespaces/documents.ts";
import type { NamespacePort, PlainRead } from "../../src/sim/namespaces/port.ts";
import { documentOf } from "../../src/sim/namespaces/requests.ts";

/** An answer that is none of the refusals of namespaces. */
export class HttpFailure extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(`${status} ${code}: ${message}`);
    this.status = status;
    this.code = code;
  }
}

export interface RestOptions {
  readonly endpoint: string;
  readonly apiKey: string;
  readonly timeoutMs: number;
}

interface JsonDocument {
  readonly id: PlainId;
  readonly vector?: readonly number[];
  readonly vectors?: { readonly vector?: readonly number[] };
  readonly text?: { readonly words?: string };
  readonly attributes?: PlainDocument["attributes"];
}

interface Written {
  readonly version: number;
  readonly upserted?: number;
  readonly patched?: number;
  readonly deleted?: number;
  readonly repeated?: boolean;
}

const PROJECT = "/v1/orgs/chaos/projects/chaos/namespaces";

/** Rejects with SearchError, HttpFailure, or what `fetch` says of the connection. */
export function restNamespaces(options: RestOptions): NamespacePort {
  const call = <T>(method: string, path: string, body?: unknown, header?: Record<string, string>) =>
    send(options, { method, path: PROJECT + path, body, header }).then(
      async (response) => (await response.json()) as T,
    );
  const versionOf = (name: string, read: PlainRead) =>
    call<{ version: number }>("POST", `/${name}/query`, { top_k: 0, ...readOf(read) });
  return {
    create: async (name, schema) => {
      await call("PUT", `/${name}`, { schema });
    },
    write: async (name, request, key) => {
      const header = { "idempotency-key": key };
      const written = await call<Written>("POST", `/${name}/documents`, request, header);
      const { version, upserted = 0, patched = 0, deleted = 0, repeated = false } = written;
      return { version, counts: { upserted, patched, deleted }, repeated };
    },
    fetch: async (name, ids, read) => {
      const answer = await call<{ documents?: JsonDocument[]; version: number }>(
        "POST",
        `/${name}/documents/fetch`,
        { ids, ...readOf(read) },
      );
      const found = new Map((answer.documents ?? []).map((one) => [one.id, plainOf(one)]));
      return { version: answer.version, documents: ids.map((id) => found.get(id)) };
    },
    query: async (name, request, read) => {
      const answer = await call<{ results: { id: PlainId }[]; version: number }>("POST", `/${name}/query`, {
        ...request,
        ...readOf(read),
      });
      return { version: answer.version, hits: answer.results.map(({ id }) => id) };
    },
    export: async (name, _limit, read) => {
      const { version } = await versionOf(name, read);
      const path = `${PROJECT}/${name}/export?at_version=${version}`;
      const lines = (await (await send(options, { method: "GET", path })).text()).split("\n");
      const documents = lines.flatMap((line) => (line === "" ? [] : [exported(line)]));
      return { version, documents };
    },
    branch: async (source, target) => {
      await call("POST", `/${source}/branch`, { target });
    },
    parentVersion: async (name) => {
      const { namespace } = await call<{ namespace: { branched_from?: { version?: number } } }>(
        "GET",
        `/${name}`,
      );
      return namespace.branched_from === undefined ? undefined : (namespace.branched_from.version ?? 0);
    },
    compact: async (name) => JSON.stringify(await call("POST", `/${name}/compact`, {})),
    verify: async (name) =>
      (await call<{ problems?: string[] }>("POST", `/${name}/verify`, {})).problems ?? [],
    delete: async (name) => {
      await call("DELETE", `/${name}`);
    },
  };
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly header?: Record<string, string> | undefined;
}

async function send({ endpoint, apiKey, timeoutMs }: RestOptions, request: Request): Promise<Response> {
  const { method, path, body, header } = request;
  const response = await fetch(endpoint + path, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body !== undefined && { "content-type": "application/json" }),
      ...header,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!response.ok) throw refusalOf(response.status, await response.text());
  return response;
}

function refusalOf(status: number, text: string): Error {
  let error: { readonly code?: string; readonly message?: string } | undefined;
  try {
    ({ error } = JSON.parse(text) as { readonly error?: typeof error });
  } catch {
    return new HttpFailure(status, "no-json", text.slice(0, 200));
  }
  const code = error?.code?.replaceAll("_", "-") ?? "";
  const known = SEARCH_ERROR_CODES.find((each) => each === code);
  const message = error?.message ?? "";
  return known === undefined ? new HttpFailure(status, code, message) : new SearchError(known, message);
}

/** A line that is no document is an error behind those that came before it. */
function exported(line: string): PlainDocument {
  const { document } = JSON.parse(line) as { readonly document?: JsonDocument };
  if (document === undefined) throw new HttpFailure(200, "broken-off", line.slice(0, 200));
  return plainOf(document);
}

function plainOf({ id, vector, vectors, text, attributes }: JsonDocument): PlainDocument {
  return documentOf({ id, attributes, words: text?.words, point: vector ?? vectors?.vector });
}

function readOf({ consistency, atVersion }: PlainRead) {
  return { consistency, ...(atVersion !== undefined && { at_version: atVersion }) };
}
