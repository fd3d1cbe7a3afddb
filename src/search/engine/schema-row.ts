import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { NamespaceNameRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { StoredSchemaSchema } from "../../gen/skerry/search/storage/v1/storage_pb.js";
import { SearchError } from "../errors.ts";
import { schemaFromStored, schemaToStored } from "../model/encode-schema.ts";
import type { Schema } from "../model/schema.ts";

/** Of the schema in a namespace's row. */
export const SCHEMA_FORMAT = 1;

export function schemaBytes(schema: Schema): Uint8Array {
  return toBinary(StoredSchemaSchema, schemaToStored(schema));
}

export function schemaOf({ schema, schemaFormat }: NamespaceNameRow): Schema {
  if (schemaFormat > SCHEMA_FORMAT)
    throw new SearchError("format-too-new", "the schema was written by a newer release");
  return schemaFromStored(fromBinary(StoredSchemaSchema, schema));
}
