import type { Filter } from "../filter/filter.ts";
import type { Document, DocumentId, DocumentPatch, FieldChanges } from "./document.ts";

export type NumberKind = "int" | "float" | "datetime";

/** As what kinds of numbers the values of attributes were given, by their names. */
export type NumberKinds = ReadonlyMap<string, ReadonlySet<NumberKind>>;

/**
 * One atomic write. The parts take effect in this order: delete_by_filter, patch_by_filter, upserts, patches, deletes. An id stands at most once
 * in upserts, patches and deletes together. The filters see the rows as they were before the batch.
 */
export interface WriteBatch {
  readonly upserts: readonly Document[];
  /** A patch of a document that is not there does nothing. */
  readonly patches: readonly DocumentPatch[];
  readonly deletes: readonly DocumentId[];
  readonly deleteByFilter?: Filter;
  readonly patchByFilter?: { readonly filter: Filter; readonly set: FieldChanges };
  /**
   * Decides for each upsert, patch and delete by the old row: where it does not hold, that document is left as it is. A document that is not there
   * has no fields, not even an id: `not exists id` is insert-only, `exists id` update-only. Operands may name attributes of the new row.
   */
  readonly condition?: Filter;
  /** The whole batch is refused with "version-conflict" unless the namespace is at this version. */
  readonly ifVersion?: bigint;
  /** Where the request tells kinds apart that look the same here (2 and 2.0, a datetime and its milliseconds): what new attributes are. */
  readonly numberKinds?: NumberKinds;
}
