import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type {
  DocumentService,
  UploadDocumentsRequest,
  WriteDocumentsRequest,
} from "../../gen/skerry/search/v1/search_pb.js";
import { Consistency } from "../../gen/skerry/search/v1/search_pb.js";
import {
  type DocumentId,
  type NamespaceService as Namespaces,
  parseBatch,
  readId,
  SearchError,
  UpsertCollector,
  type WriteBatch,
  type WriteOptions,
} from "../../search/index.ts";
import type { Guard } from "../guard.ts";
import { documentMessage } from "./messages.ts";
import { namespaceName } from "./names.ts";
import { at, named } from "./namespace-service.ts";
import { NumberKindNotes } from "./number-kinds.ts";
import { batchToPlain, documentToPlain } from "./requests.ts";
import { idMessage, idToPlain } from "./values.ts";

/** Documents of one page of an export. */
const EXPORT_PAGE = 500;
const IDEMPOTENCY_HEADER = "idempotency-key";

export function documentService(namespaces: Namespaces, guard: Guard): ServiceImpl<typeof DocumentService> {
  return {
    writeDocuments: (request, context) =>
      guard.unary("DocumentService/WriteDocuments", context, named(request), ({ principal }) =>
        namespaces.write(
          namespaceName(principal, request),
          batchOf(request),
          writeOptions(request.idempotencyKey, context),
        ),
      ),
    async uploadDocuments(requests, context) {
      const messages = requests[Symbol.asyncIterator]();
      const first = await messages.next();
      if (first.done === true)
        throw new ConnectError("the first message names the namespace", Code.InvalidArgument);
      const target = first.value;
      return guard.unary("DocumentService/UploadDocuments", context, named(target), async ({ principal }) => {
        const batch = await collect(target, messages);
        const written = await namespaces.write(
          namespaceName(principal, target),
          batch,
          writeOptions("", context),
        );
        return { version: written.version, upserted: written.upserted, repeated: written.repeated };
      });
    },
    getDocument: (request, context) =>
      guard.unary("DocumentService/GetDocument", context, named(request), async ({ principal }) => {
        const name = namespaceName(principal, request);
        const options = { consistency: consistencyOf(request.consistency), signal: context.signal };
        const id = pathId(request.documentId);
        const { documents, version, schema } = await namespaces.fetch(name, [id], options);
        const [document] = documents;
        if (document === undefined) throw new SearchError("not-found", "there is no document of this id");
        return { document: documentMessage(document, schema), version };
      }),
    fetchDocuments: (request, context) =>
      guard.unary("DocumentService/FetchDocuments", context, named(request), async ({ principal }) => {
        const name = namespaceName(principal, request);
        const ids = request.ids.map((id, index) => readId(idToPlain(id), `ids[${index}]`));
        const { documents, version, schema } = await namespaces.fetch(name, ids, {
          consistency: consistencyOf(request.consistency),
          ...at(request),
          signal: context.signal,
        });
        return {
          documents: documents.filter((one) => one !== undefined).map((one) => documentMessage(one, schema)),
          missing: ids.filter((_, index) => documents[index] === undefined).map(idMessage),
          version,
        };
      }),
    exportDocuments: (request, context) =>
      guard.stream(
        "DocumentService/ExportDocuments",
        context,
        named(request),
        async function* ({ principal }) {
          const name = namespaceName(principal, request);
          const options = {
            consistency: consistencyOf(request.consistency),
            ...at(request),
            limit: EXPORT_PAGE,
            signal: context.signal,
          };
          let cursor: string | undefined = request.cursor === "" ? undefined : request.cursor;
          do {
            const page = await namespaces.exportPage(name, {
              ...options,
              ...(cursor !== undefined && { cursor }),
            });
            for (const [index, document] of page.documents.entries()) {
              const isLast = index === page.documents.length - 1;
              yield {
                document: documentMessage(document, page.schema),
                ...(isLast && page.nextCursor !== undefined && { cursor: page.nextCursor }),
              };
            }
            cursor = page.nextCursor;
          } while (cursor !== undefined);
        },
      ),
  };
}

/** One batch is one message to the log: what a stream brings is bounded as a batch is, while it comes. */
async function collect(
  first: UploadDocumentsRequest,
  messages: AsyncIterator<UploadDocumentsRequest>,
): Promise<WriteBatch> {
  const upserts = new UpsertCollector();
  const kinds = new NumberKindNotes();
  for (let next: IteratorResult<UploadDocumentsRequest> = { value: first }; next.done !== true; ) {
    const { document, org, project, namespace } = next.value;
    if (
      org !== first.org ||
      project !== first.project ||
      (namespace !== "" && namespace !== first.namespace)
    ) {
      throw new SearchError("invalid-argument", "an upload goes into one namespace");
    }
    if (document !== undefined) {
      upserts.add(documentToPlain(document));
      kinds.note(document);
    }
    next = await messages.next();
  }
  return kinds.addTo(upserts.batch());
}

function batchOf(request: WriteDocumentsRequest): WriteBatch {
  const kinds = new NumberKindNotes();
  for (const document of request.upserts) kinds.note(document);
  for (const patch of request.patches) kinds.note(patch);
  if (request.patchByFilter?.set !== undefined) kinds.note(request.patchByFilter.set);
  return kinds.addTo(parseBatch(batchToPlain(request)));
}

/** In a path everything is a string: "#7" is the number 7, and "##7" the string "#7". */
function pathId(text: string): DocumentId {
  if (!text.startsWith("#")) return readId(text, "document_id");
  const rest = text.slice(1);
  if (rest.startsWith("#")) return readId(rest, "document_id");
  if (!/^\d{1,20}$/.test(rest)) throw new SearchError("invalid-argument", `"${text}" is no number id`);
  return readId(BigInt(rest), "document_id");
}

export function consistencyOf(consistency: Consistency): "strong" | "eventual" {
  return consistency === Consistency.EVENTUAL ? "eventual" : "strong";
}

/** An empty key is none. */
function writeOptions(
  given: string,
  { requestHeader, signal }: { readonly requestHeader: Headers; readonly signal: AbortSignal },
): WriteOptions {
  const inHeader = requestHeader.get(IDEMPOTENCY_HEADER) ?? "";
  if (given !== "" && inHeader !== "" && given !== inHeader) {
    throw new SearchError("invalid-argument", "the header and the message have different idempotency keys", {
      path: "idempotency_key",
    });
  }
  const key = given === "" ? inHeader : given;
  return { signal, ...(key !== "" && { idempotencyKey: key }) };
}
