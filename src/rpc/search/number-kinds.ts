import type { Document, DocumentPatch, Value } from "../../gen/skerry/search/v1/search_pb.js";
import type { NumberKind, WriteBatch } from "../../search/index.ts";

/** As what kinds of numbers messages give the values of attributes: their plain forms do not tell 2 from 2.0, nor a datetime from its milliseconds. */
export class NumberKindNotes {
  readonly #kinds = new Map<string, Set<NumberKind>>();

  note({ attributes }: Document | DocumentPatch): void {
    for (const [name, value] of Object.entries(attributes)) this.#noteValue(name, value);
  }

  /** The batch with the kinds that its values do not show by themselves. */
  addTo(batch: WriteBatch): WriteBatch {
    const told = [...this.#kinds].filter(([, kinds]) => kinds.has("float") || kinds.has("datetime"));
    return told.length === 0 ? batch : { ...batch, numberKinds: new Map(told) };
  }

  #noteValue(name: string, { kind }: Value): void {
    switch (kind.case) {
      case "listValue":
        for (const one of kind.value.values) this.#noteValue(name, one);
        break;
      case "intValue":
        this.#add(name, "int");
        break;
      case "floatValue":
        // Any other number can only be a float.
        if (Number.isSafeInteger(kind.value)) this.#add(name, "float");
        break;
      case "datetimeMs":
        this.#add(name, "datetime");
        break;
      default:
    }
  }

  #add(name: string, kind: NumberKind): void {
    const known = this.#kinds.get(name);
    if (known === undefined) this.#kinds.set(name, new Set([kind]));
    else known.add(kind);
  }
}
