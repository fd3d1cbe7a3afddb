import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttributeType,
  type Document as DocumentMessage,
  DocumentSchema,
  Metric,
  type Namespace,
  NamespaceSchema,
  SchemaSchema,
  VectorElement,
  VerifyFindingKind,
  VerifyFindingSchema,
} from "../../gen/skerry/search/v1/search_pb.js";
import type { AttributeValue, Document, NamespaceInfo, Schema, VerifyFinding } from "../../search/index.ts";
import { idMessage, valueMessage } from "./values.ts";

/** What namespaces answer, as messages. */

export function namespaceMessage(info: NamespaceInfo): Namespace {
  const { parent, settings, statistics } = info;
  return create(NamespaceSchema, {
    org: info.name.org,
    project: info.name.project,
    namespace: info.name.name,
    namespaceId: info.id,
    schema: schemaMessage(info.schema),
    settings: {
      defaultTtlSeconds: BigInt(settings.defaultTtlSeconds),
      retentionSeconds: BigInt(settings.retentionSeconds),
      pinned: settings.pinned,
    },
    version: info.version,
    createdAtMs: BigInt(info.createdAtMs),
    updatedAtMs: BigInt(info.updatedAtMs),
    ...(parent !== undefined && {
      branchedFrom: {
        org: parent.name.org,
        project: parent.name.project,
        namespace: parent.name.name,
        namespaceId: parent.id,
        version: parent.version,
      },
    }),
    statistics: {
      ...statistics,
      unindexedSinceMs:
        statistics.unindexedSinceMs === undefined ? undefined : BigInt(statistics.unindexedSinceMs),
    },
  });
}

export function findingMessage({ kind, document, ...finding }: VerifyFinding) {
  return create(VerifyFindingSchema, {
    ...finding,
    kind: FINDINGS[kind],
    ...(document !== undefined && { document: idMessage(document) }),
  });
}

const FINDINGS = {
  unreadable: VerifyFindingKind.UNREADABLE,
  count: VerifyFindingKind.COUNT,
  id: VerifyFindingKind.ID,
  column: VerifyFindingKind.COLUMN,
  index: VerifyFindingKind.INDEX,
  vector: VerifyFindingKind.VECTOR,
  deletes: VerifyFindingKind.DELETES,
  twice: VerifyFindingKind.TWICE,
  manifest: VerifyFindingKind.MANIFEST,
} as const satisfies Readonly<Record<VerifyFinding["kind"], VerifyFindingKind>>;

export function schemaMessage(schema: Schema): MessageInitShape<typeof SchemaSchema> {
  return create(SchemaSchema, {
    vectors: mapped(schema.vectors, ({ dimensions, metric, element }) => ({
      dimensions,
      metric: METRICS[metric],
      element: ELEMENTS[element],
    })),
    sparse: mapped(schema.sparse, () => ({})),
    text: mapped(schema.text, (field) => field),
    attributes: mapped(schema.attributes, ({ type, array, filterable }) => ({
      type: TYPES[type],
      array,
      filterable,
    })),
  });
}

const METRICS = { cosine: Metric.COSINE, dot: Metric.DOT, euclidean: Metric.EUCLIDEAN };
const ELEMENTS = { f32: VectorElement.F32, f16: VectorElement.F16, i8: VectorElement.I8 };
const TYPES = {
  string: AttributeType.STRING,
  int: AttributeType.INT,
  float: AttributeType.FLOAT,
  bool: AttributeType.BOOL,
  datetime: AttributeType.DATETIME,
  uuid: AttributeType.UUID,
};

export function documentMessage(document: Document, schema: Schema): DocumentMessage {
  const { expiresAtMs } = document;
  return create(DocumentSchema, {
    id: idMessage(document.id),
    ...fieldMessages(document, schema),
    expiresAtMs: expiresAtMs === undefined ? undefined : BigInt(expiresAtMs),
  });
}

/** The fields of a document or of a hit. */
export function fieldMessages(
  { vectors, sparse, text, attributes }: Pick<Document, "vectors" | "sparse" | "text" | "attributes">,
  schema: Schema,
) {
  return {
    vectors: mapped(vectors, (vector) => ({ values: [...vector] })),
    sparse: mapped(sparse, ({ indices, values }) => ({ indices: [...indices], values: [...values] })),
    text: Object.fromEntries(text),
    attributes: attributeMessages(attributes, schema),
  };
}

function attributeMessages(attributes: ReadonlyMap<string, AttributeValue>, schema: Schema) {
  return Object.fromEntries(
    [...attributes].map(([name, value]) => [name, valueMessage(value, schema.attributes.get(name)?.type)]),
  );
}

export function mapped<T, M>(fields: ReadonlyMap<string, T>, toMessage: (value: T) => M): Record<string, M> {
  return Object.fromEntries([...fields].map(([name, value]) => [name, toMessage(value)]));
}
