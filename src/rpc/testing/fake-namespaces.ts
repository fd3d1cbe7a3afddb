import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { DocumentService, NamespaceService, QueryService } from "../../gen/skerry/search/v1/search_pb.js";
import {
  type NamespaceInfo,
  type NamespaceName,
  type NamespaceScope,
  type NamespaceService as Namespaces,
  parseSchema,
  type Quota,
} from "../../search/index.ts";

/** What was asked of the namespaces, newest last. */
export const asked: { readonly method: string; readonly arguments: readonly unknown[] }[] = [];

const SCHEMA = parseSchema({
  vectors: { vector: { dimensions: 2 } },
  text: { title: {} },
  attributes: { year: "int", at: "datetime", score: "float", tags: "string[]" },
});

function info(name: NamespaceName): NamespaceInfo {
  return {
    name,
    id: 7n,
    schema: SCHEMA,
    settings: { defaultTtlSeconds: 0, retentionSeconds: 60, pinned: false },
    version: 3n,
    createdAtMs: 1,
    updatedAtMs: 2,
    parent: { id: 6n, name: { ...name, name: "parent" }, version: 2n },
    statistics: {
      indexedDocuments: 1n,
      unindexedDocuments: 2n,
      unindexedBatches: 1,
      unindexedBytes: 10n,
      segments: 1,
      segmentBytes: 20n,
      retainedBytes: 0n,
    },
  };
}

const DOCUMENT = {
  id: "a",
  vectors: new Map([["vector", Float32Array.of(1, 0.5)]]),
  sparse: new Map(),
  text: new Map([["title", "rocks"]]),
  attributes: new Map<string, number | readonly string[]>([
    ["year", 2024],
    ["at", 0],
    ["score", 2],
    ["tags", ["x"]],
  ]),
  expiresAtMs: 1000,
};

const PERFORMANCE = {
  units: 1,
  documents: 2,
  matching: 1,
  candidates: 1,
  exhaustive: true,
  waves: 0,
  reads: 0,
  readBytes: 0,
  blobs: 0,
  filterMs: 0,
  legsMs: 0.5,
  rankMs: 0,
  aggregateMs: 0,
  fetchMs: 0,
  totalMs: 1,
};

/** Answers everything in the same way, and remembers what it was asked. */
export const fakeNamespaces: Namespaces = {
  createNamespace: async (name) =>
    noted("createNamespace", [name], { kind: "created", namespace: info(name) }),
  getNamespace: async (name) => info(name),
  listNamespaces: async (options) =>
    noted(
      "listNamespaces",
      [options],
      [info({ ...options, name: "docs" }), info({ ...options, name: "notes" })],
    ),
  updateNamespace: async (name, changes) => noted("updateNamespace", [name, changes], info(name)),
  deleteNamespace: async (name) => noted("deleteNamespace", [name], undefined),
  quota: async (scope) => noted("quota", [scope], quotaOf(scope)),
  setQuota: async (scope, limits) => noted("setQuota", [scope, limits], { ...quotaOf(scope), ...limits }),
  write: async (name, batch, options) =>
    noted("write", [name, batch, options], {
      version: 4n,
      upserted: batch.upserts.length,
      patched: batch.patches.length,
      deleted: batch.deletes.length,
      repeated: false,
    }),
  fetch: async (name, ids, options) =>
    noted("fetch", [name, ids, options], {
      version: 3n,
      asOfMs: 5,
      schema: SCHEMA,
      documents: ids.map((id) => (id === "a" ? DOCUMENT : undefined)),
    }),
  query: async (name, queries, options) =>
    noted("query", [name, queries, options], {
      version: 3n,
      asOfMs: 5,
      schema: SCHEMA,
      results: queries.map((query) => ({
        hits: [{ ...DOCUMENT, score: 0.25, highlights: new Map([["title", ["<em>rocks</em>"]]]) }],
        ...(query.aggregation !== undefined && {
          groups: [
            {
              key: new Map<string, number | null>([["year", 2024]]),
              values: new Map<string, number | bigint | null>([
                ["n", 2n],
                ["mean", 0.5],
                ["none", null],
                ["vast", Number.POSITIVE_INFINITY],
                ["low", Number.NEGATIVE_INFINITY],
              ]),
            },
          ],
        }),
        ...(query.facets.length > 0 && { facets: new Map([["tags", [{ value: "x", count: 2 }]]]) }),
        ...(query.ranking.kind === "order" && { nextCursor: "next" }),
        ...(query.explain && {
          explain: {
            ranking: "rrf",
            legs: [{ leg: "vector", candidates: 1, found: 1, scores: [0.5, null] }],
            units: [],
          },
        }),
        performance: PERFORMANCE,
      })),
    }),
  exportPage: async (_, options) =>
    options.cursor === undefined
      ? { version: 3n, asOfMs: 5, schema: SCHEMA, documents: [DOCUMENT], nextCursor: "more" }
      : { version: 3n, asOfMs: 5, schema: SCHEMA, documents: [{ ...DOCUMENT, id: 18446744073709551615n }] },
  branch: async (source, target, options) => noted("branch", [source, target, options], info(target)),
  copy: async (source, target, options) => noted("copy", [source, target, options], info(target)),
  warm: async () => ({ blobs: 1, bytes: 2, tookMs: 0.5 }),
  pin: async (name) => info(name),
  unpin: async (name) => info(name),
  compact: async () => ({ segmentsBefore: 2, segmentsAfter: 1, done: true }),
  verify: async () => ({
    version: 3n,
    blobs: 1,
    bytes: 2,
    documents: 3n,
    problems: ['segment 7: section "ids": row 3 is not found by its id'],
    findings: [
      {
        kind: "id",
        segment: 7n,
        section: "ids",
        field: "",
        document: "a",
        problem: "row 3 is not found by its id",
      },
    ],
  }),
  recall: async (name, options) => noted("recall", [name, options], { queries: 1, recall: 1, worst: 1 }),
};

function quotaOf(scope: NamespaceScope): Quota {
  const limits = { maxNamespaces: 1n, maxBytes: 2n, maxDocuments: 0n };
  return { ...scope, ...limits, namespaces: 3n, bytes: 4n, documents: 5n };
}

function noted<T>(method: string, args: readonly unknown[], answer: T): T {
  asked.push({ method, arguments: args });
  return answer;
}

/** One call of every method, as `key`, on a namespace of another project. */
export function searchCalls(
  client: <Service extends DescService>(service: Service) => Client<Service>,
  as: (key: string) => { readonly headers: Record<string, string> },
) {
  const namespaces = () => client(NamespaceService);
  const documents = () => client(DocumentService);
  return {
    "NamespaceService/CreateNamespace": (key: string) => namespaces().createNamespace(named(), as(key)),
    "NamespaceService/GetNamespace": (key: string) => namespaces().getNamespace(named(), as(key)),
    "NamespaceService/ListNamespaces": (key: string) => namespaces().listNamespaces({}, as(key)),
    "NamespaceService/UpdateNamespace": (key: string) => namespaces().updateNamespace(named(), as(key)),
    "NamespaceService/DeleteNamespace": (key: string) => namespaces().deleteNamespace(named(), as(key)),
    "NamespaceService/BranchNamespace": (key: string) =>
      namespaces().branchNamespace({ ...named(), target: "b" }, as(key)),
    "NamespaceService/CopyNamespace": (key: string) =>
      namespaces().copyNamespace({ ...named(), target: "b" }, as(key)),
    "NamespaceService/WarmNamespace": (key: string) => namespaces().warmNamespace(named(), as(key)),
    "NamespaceService/PinNamespace": (key: string) => namespaces().pinNamespace(named(), as(key)),
    "NamespaceService/UnpinNamespace": (key: string) => namespaces().unpinNamespace(named(), as(key)),
    "NamespaceService/CompactNamespace": (key: string) => namespaces().compactNamespace(named(), as(key)),
    "NamespaceService/VerifyNamespace": (key: string) => namespaces().verifyNamespace(named(), as(key)),
    "NamespaceService/MeasureRecall": (key: string) => namespaces().measureRecall(named(), as(key)),
    "NamespaceService/GetQuota": (key: string) =>
      namespaces().getQuota({ org: "other", project: "web" }, as(key)),
    "NamespaceService/SetQuota": (key: string) =>
      namespaces().setQuota({ org: "other", project: "web" }, as(key)),
    "DocumentService/WriteDocuments": (key: string) => documents().writeDocuments(named(), as(key)),
    "DocumentService/UploadDocuments": (key: string) =>
      documents().uploadDocuments(
        (async function* () {
          yield named();
        })(),
        as(key),
      ),
    "DocumentService/GetDocument": (key: string) =>
      documents().getDocument({ ...named(), documentId: "a" }, as(key)),
    "DocumentService/FetchDocuments": (key: string) => documents().fetchDocuments(named(), as(key)),
    "DocumentService/ExportDocuments": async (key: string) => {
      for await (const _ of documents().exportDocuments(named(), as(key)));
    },
    "QueryService/Query": (key: string) => client(QueryService).query({ ...named(), queries: [{}] }, as(key)),
  };
}

/** A project that the limited keys of the tests have nothing to do with. */
function named() {
  return { org: "other", project: "web", namespace: "docs" };
}
