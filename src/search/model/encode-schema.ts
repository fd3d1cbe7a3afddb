import { create } from "@bufbuild/protobuf";
import { compareKeys } from "../../base/index.ts";
import { type StoredSchema, StoredSchemaSchema } from "../../gen/skerry/search/storage/v1/storage_pb.js";
import { SearchError } from "../errors.ts";
import { ATTRIBUTE_TYPES, METRICS, type Schema, VECTOR_ELEMENTS } from "./schema.ts";

/** The schema as the message that rows and segments hold; fields sorted by name. */
export function schemaToStored(schema: Schema): StoredSchema {
  return create(StoredSchemaSchema, {
    vectors: sorted(schema.vectors),
    sparse: sorted(schema.sparse),
    text: sorted(schema.text),
    attributes: sorted(schema.attributes),
  });
}

/** "data-damaged" for settings that no release before this one knew how to write. */
export function schemaFromStored(stored: StoredSchema): Schema {
  return {
    vectors: new Map(
      stored.vectors.map(({ name, dimensions, metric, element }) => [
        name,
        { dimensions, metric: oneOf(METRICS, metric), element: oneOf(VECTOR_ELEMENTS, element) },
      ]),
    ),
    sparse: new Map(stored.sparse.map(({ name }) => [name, {}])),
    text: new Map(
      stored.text.map(({ name, language, stemming, stopWords, weight, k1, b }) => [
        name,
        { language, stemming, stopWords, weight, k1, b },
      ]),
    ),
    attributes: new Map(
      stored.attributes.map(({ name, type, array, filterable }) => [
        name,
        { type: oneOf(ATTRIBUTE_TYPES, type), array, filterable },
      ]),
    ),
  };
}

function sorted<T>(fields: ReadonlyMap<string, T>): (T & { name: string })[] {
  const names = [...fields.keys()].sort(compareKeys);
  return names.map((name) => ({ name, ...(fields.get(name) as T) }));
}

function oneOf<T extends string>(choices: readonly T[], given: string): T {
  const choice = choices.find((one) => one === given);
  if (choice === undefined)
    throw new SearchError("data-damaged", "a stored schema has a setting that is not known");
  return choice;
}
