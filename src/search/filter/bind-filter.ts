import { unreachable } from "../../base/index.ts";
import { invalid } from "../errors.ts";
import type { Scalar } from "../model/document.ts";
import { checkLimit } from "../model/limits.ts";
import { at, quoted } from "../model/plain.ts";
import { fitScalar, readId, utf8Bytes } from "../model/scalar.ts";
import { type AttributeField, ID_FIELD, type Schema } from "../model/schema.ts";
import type { Filter } from "./filter.ts";
import { FilterCost } from "./filter-cost.ts";
import { compilePattern } from "./match-scalar.ts";

export interface BindOptions {
  /** Whether operands may name the new row: only in the condition of a write. */
  readonly newRow?: boolean;
}

/**
 * The filter checked against the schema and the limits, with each operand as its field holds values: a datetime in RFC 3339 becomes milliseconds, a
 * uuid lower-case. Refuses unknown fields, fields that are not filterable, and operators that the field's type does not have.
 */
export function bindFilter(
  filter: Filter,
  schema: Schema,
  path = "filter",
  options: BindOptions = {},
): Filter {
  const binder = new Binder(schema, options.newRow === true);
  return binder.bind(filter, path, 1);
}

interface FilterField {
  readonly name: string;
  readonly array: boolean;
  readonly type: AttributeField["type"] | "id";
}

class Binder {
  readonly #schema: Schema;
  readonly #newRow: boolean;
  #nodes = 0;
  #values = 0;
  readonly #cost = new FilterCost();

  constructor(schema: Schema, newRow: boolean) {
    this.#schema = schema;
    this.#newRow = newRow;
  }

  bind(filter: Filter, path: string, depth: number): Filter {
    checkLimit("filterDepth", depth, { path });
    checkLimit("filterNodes", ++this.#nodes, { path });
    switch (filter.kind) {
      case "and":
      case "or":
        return {
          ...filter,
          filters: filter.filters.map((part, i) => this.bind(part, `${path}[${i}]`, depth + 1)),
        };
      case "not":
        return { ...filter, filter: this.bind(filter.filter, path, depth + 1) };
      case "compare": {
        const field = this.#field(filter.field, path);
        return { ...filter, value: this.#operand(filter.value, field, path) };
      }
      case "compare-new":
        return this.#compareNew(filter, path);
      case "in":
      case "not-in": {
        const field = this.#field(filter.field, path);
        return { ...filter, values: this.#operands(filter.values, field, path) };
      }
      case "contains": {
        const field = this.#arrayField(filter.field, path);
        return { ...filter, value: this.#operand(filter.value, field, path) };
      }
      case "contains-any":
      case "contains-all": {
        const field = this.#arrayField(filter.field, path);
        return { ...filter, values: this.#operands(filter.values, field, path) };
      }
      case "prefix":
        this.#stringField(filter.field, path);
        checkLimit("stringBytes", utf8Bytes(filter.prefix), { path });
        return this.#schema.attributes.get(filter.field)?.type === "uuid"
          ? { ...filter, prefix: filter.prefix.toLowerCase() }
          : filter;
      case "glob":
      case "regex":
        this.#stringField(filter.field, path);
        checkLimit("patternBytes", utf8Bytes(filter.pattern), { path });
        this.#cost.addStates(compilePattern(filter).stateCount);
        return { ...filter, cost: this.#cost };
      case "fuzzy":
        this.#stringField(filter.field, path);
        checkLimit("patternBytes", utf8Bytes(filter.value), { path });
        if (!Number.isInteger(filter.distance) || filter.distance < 0)
          throw invalid(`${at(path)}a distance is a whole number from 0 on`, { path });
        checkLimit("fuzzyDistance", filter.distance, { path });
        return { ...filter, cost: this.#cost };
      case "all-tokens":
      case "any-token":
      case "phrase":
        if (!this.#schema.text.has(filter.field))
          throw invalid(`${at(path)}"${filter.field}" is no text field`, { path, field: filter.field });
        checkLimit("queryTextBytes", utf8Bytes(filter.query), { path });
        return filter;
      case "exists":
      case "null":
        this.#anyField(filter.field, path);
        return filter;
      default:
        return unreachable(filter);
    }
  }

  #compareNew(filter: Extract<Filter, { readonly kind: "compare-new" }>, path: string): Filter {
    if (!this.#newRow)
      throw invalid(`${at(path)}only the condition of a write can speak of the new row`, {
        path,
        field: filter.newField,
      });
    const [field, newField] = [this.#field(filter.field, path), this.#field(filter.newField, path)];
    if (field.type !== newField.type)
      throw invalid(`${at(path)}"${filter.field}" and "${filter.newField}" have different types`, { path });
    return filter;
  }

  #operands(values: readonly Scalar[], field: FilterField, path: string): readonly Scalar[] {
    this.#values += values.length;
    checkLimit("filterValues", this.#values, { path });
    return values.map((value) => this.#operand(value, field, path));
  }

  /** Ints and floats are compared with each other; an operand of any other wrong type can never match and is refused. */
  #operand(value: Scalar, field: FilterField, path: string): Scalar {
    if (field.type === "id") return readId(value, path);
    if (field.type === "int" && typeof value === "number" && Number.isFinite(value))
      return value === 0 ? 0 : value;
    if (field.type === "float" && typeof value === "bigint" && BigInt.asIntN(64, value) === value)
      return value;
    return fitScalar(value, field.type, path);
  }

  #field(name: string, path: string): FilterField {
    if (name === ID_FIELD) return { name, array: false, type: "id" };
    const field = this.#schema.attributes.get(name);
    if (field === undefined) {
      this.#anyField(name, path);
      throw invalid(`${at(path)}"${name}" is no attribute: text is filtered by tokens or phrase`, {
        path,
        field: name,
      });
    }
    if (!field.filterable)
      throw invalid(`${at(path)}attribute "${name}" is not filterable`, { path, field: name });
    return { name, array: field.array, type: field.type };
  }

  #arrayField(name: string, path: string): FilterField {
    const field = this.#field(name, path);
    if (!field.array) throw invalid(`${at(path)}"${name}" holds no array`, { path, field: name });
    return field;
  }

  #stringField(name: string, path: string): void {
    const { type } = this.#field(name, path);
    if (type !== "string" && type !== "uuid" && type !== "id")
      throw invalid(`${at(path)}"${name}" holds ${type} and no strings`, { path, field: name });
  }

  #anyField(name: string, path: string): void {
    const { attributes, text, vectors, sparse } = this.#schema;
    if (name === ID_FIELD || text.has(name) || vectors.has(name) || sparse.has(name)) return;
    const attribute = attributes.get(name);
    if (attribute === undefined)
      throw invalid(`${at(path)}the schema has no field ${quoted(name)}`, { path, field: name });
    if (!attribute.filterable)
      throw invalid(`${at(path)}attribute "${name}" is not filterable`, { path, field: name });
  }
}
