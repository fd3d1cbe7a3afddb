import {
  type Document,
  type NamespaceService,
  parseBatch,
  parseQuery,
  parseSchema,
} from "../../search/index.ts";
import { check } from "../failure.ts";
import type { PlainDocument, PlainId } from "./documents.ts";
import type { NamespacePort, PlainRead } from "./port.ts";
import { documentOf } from "./requests.ts";

const named = (name: string) => ({ org: "sim", project: "sim", name });

/** The engine of one node. */
export function enginePort(search: NamespaceService, signal: AbortSignal): NamespacePort {
  return {
    create: async (name, schema) => {
      await search.createNamespace(named(name), { schema: parseSchema(schema) });
    },
    write: async (name, request, idempotencyKey) => {
      const result = await search.write(named(name), parseBatch(request), { idempotencyKey });
      const { upserted, patched, deleted, repeated } = result;
      return { version: Number(result.version), counts: { upserted, patched, deleted }, repeated };
    },
    fetch: async (name, ids, read) => {
      const asked = ids.map((id) => (typeof id === "number" ? BigInt(id) : id));
      const { version, documents } = await search.fetch(named(name), asked, optionsOf(read));
      const plain = documents.map((one) => (one === undefined ? undefined : plainOf(one)));
      return { version: Number(version), documents: plain };
    },
    query: async (name, request, read) => {
      const { version, results } = await search.query(named(name), [parseQuery(request)], optionsOf(read));
      return { version: Number(version), hits: results[0]!.hits.map(({ id }) => plainId(id)) };
    },
    export: async (name, limit, read) => exportAll(search, name, { ...optionsOf(read), limit }),
    branch: async (source, target) => {
      await search.branch(named(source), named(target), {});
    },
    parentVersion: async (name) => {
      const { parent } = await search.getNamespace(named(name));
      return parent === undefined ? undefined : Number(parent.version);
    },
    compact: async (name) => {
      const { segmentsBefore, segmentsAfter } = await search.compact(named(name), { signal });
      return `compacted ${segmentsBefore} segments into ${segmentsAfter}`;
    },
    verify: async (name) => (await search.verify(named(name), {})).problems,
    delete: (name) => search.deleteNamespace(named(name)),
  };
}

/** Page by page, all of one version. */
async function exportAll(
  search: NamespaceService,
  name: string,
  options: Parameters<NamespaceService["exportPage"]>[1],
): Promise<{ readonly version: number; readonly documents: readonly PlainDocument[] }> {
  const documents: PlainDocument[] = [];
  let page = await search.exportPage(named(name), options);
  const { version } = page;
  for (;;) {
    documents.push(...page.documents.map(plainOf));
    const cursor = page.nextCursor;
    if (cursor === undefined) return { version: Number(version), documents };
    page = await search.exportPage(named(name), { ...options, cursor });
    check(page.version === version, "namespaces: an export shows one version", () => name);
  }
}

function optionsOf({ consistency, atVersion }: PlainRead): Parameters<NamespaceService["fetch"]>[2] {
  return {
    consistency,
    ...(atVersion !== undefined && { at: { kind: "version", version: BigInt(atVersion) } }),
  };
}

function plainId(id: Document["id"]): PlainId {
  return typeof id === "bigint" ? Number(id) : id;
}

function plainOf({ id, attributes, text, vectors }: Document): PlainDocument {
  return documentOf({
    id: plainId(id),
    attributes: Object.fromEntries([...attributes].map(([name, value]) => [name, value as string | number])),
    words: text.get("words"),
    point: [...(vectors.get("vector") ?? [])],
  });
}
