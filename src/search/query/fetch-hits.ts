import { unreachable } from "../../base/index.ts";
import type { Document } from "../model/document.ts";
import type { DocumentFields } from "../unit/ports.ts";
import { highlightedFields, highlighter } from "./highlight.ts";
import type { Query } from "./query.ts";
import type { Hit } from "./result.ts";
import type { Checkpoint, RowOfUnit, SearchSnapshot } from "./snapshot.ts";

/** What the answer shows of the rows of a page, in their order. One request to each unit. */
export async function fetchHits(
  query: Query,
  snapshot: SearchSnapshot,
  rows: readonly (RowOfUnit & { readonly score?: number })[],
  checkpoint: Checkpoint,
): Promise<readonly Hit[]> {
  const documents = await documentsOf(
    snapshot,
    rows,
    fieldsToRead(query, highlightedFields(query, snapshot.schema)),
  );
  const shown = shownFields(query);
  const highlight = highlighter(query, snapshot.schema);
  const hits: Hit[] = [];
  for (const [i, { score }] of rows.entries()) {
    const document = documents[i] as Document;
    // A text is analyzed anew: up to a mebibyte a document.
    if (highlight !== undefined) await checkpoint.pass();
    const highlights = highlight?.(document);
    hits.push({
      id: document.id,
      ...(score === undefined ? {} : { score }),
      attributes: picked(document.attributes, shown),
      text: picked(document.text, shown),
      vectors: picked(document.vectors, shown),
      sparse: picked(document.sparse, shown),
      ...(highlights === undefined ? {} : { highlights }),
    });
  }
  return hits;
}

async function documentsOf(
  { units }: SearchSnapshot,
  rows: readonly RowOfUnit[],
  fields: DocumentFields,
): Promise<readonly Document[]> {
  const documents = new Array<Document>(rows.length);
  await Promise.all(
    units.map(async (unit, place) => {
      const indices = [...rows.keys()].filter((i) => rows[i]?.unit === place);
      if (indices.length === 0) return;
      const read = await unit.documents(
        Uint32Array.from(indices, (i) => rows[i]?.row ?? 0),
        fields,
      );
      for (const [i, document] of read.entries()) documents[indices[i] ?? 0] = document;
    }),
  );
  return documents;
}

function fieldsToRead({ projection }: Query, highlighted: readonly string[]): DocumentFields {
  switch (projection.kind) {
    case "id":
      return highlighted.length === 0 ? { kind: "none" } : { kind: "fields", fields: new Set(highlighted) };
    case "all":
      return { kind: "all" };
    case "fields":
      return { kind: "fields", fields: new Set([...projection.fields, ...highlighted]) };
    default:
      return unreachable(projection);
  }
}

/** Undefined: all that was read. */
function shownFields({ projection }: Query): ReadonlySet<string> | undefined {
  if (projection.kind === "all") return undefined;
  return new Set(projection.kind === "fields" ? projection.fields : []);
}

function picked<T>(
  fields: ReadonlyMap<string, T>,
  shown: ReadonlySet<string> | undefined,
): ReadonlyMap<string, T> {
  if (shown === undefined) return fields;
  return new Map([...fields].filter(([name]) => shown.has(name)));
}
