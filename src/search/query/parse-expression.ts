import { invalid } from "../errors.ts";
import { parseFilter } from "../filter/parse-filter.ts";
import { checkLimit } from "../model/limits.ts";
import { at, quoted, readArray, readChoice, readNumber, readObject, readString } from "../model/plain.ts";
import type { RankExpression } from "./expression.ts";

/**
 * An expression from its plain form: a number; `["Leg", 0]`; `["Attribute", "stars"]`, `["Attribute", "stars", {"missing": 1}]`; `["Filter", f]`; `["Sum", [e, ...]]`,
 * Product, Max, Min; `["Weight", 2, e]`; `["Decay", e, {"origin": 0, "scale": 10, "shape": "gaussian"}]`; `["Saturate", e, {"midpoint": 5}]`.
 */
export function parseExpression(plain: unknown, path: string): RankExpression {
  return new Reader().read(plain, path, 1);
}

const LISTS = new Map<string, "sum" | "product" | "max" | "min">([
  ["Sum", "sum"],
  ["Product", "product"],
  ["Max", "max"],
  ["Min", "min"],
]);

class Reader {
  #nodes = 0;

  read(plain: unknown, path: string, depth: number): RankExpression {
    checkLimit("expressionNodes", ++this.#nodes, { path });
    checkLimit("filterDepth", depth, { path });
    if (typeof plain === "number") return { kind: "constant", value: readNumber(plain, path) };
    const parts = readArray(plain, path);
    const head = readString(parts[0], `${path}[0]`);
    if (parts.length > 3) throw invalid(`${at(path)}too many elements in ${quoted(head)}`, { path });
    const list = LISTS.get(head);
    if (list !== undefined) {
      const terms = readArray(parts[1], `${path}[1]`, "expressionNodes");
      return { kind: list, terms: terms.map((term, i) => this.read(term, `${path}[1][${i}]`, depth + 1)) };
    }
    switch (head) {
      case "Leg":
        return { kind: "leg", leg: readNumber(parts[1], `${path}[1]`) };
      case "Filter":
        return { kind: "filter", filter: parseFilter(parts[1], `${path}[1]`) };
      case "Attribute": {
        const { missing } = readObject(parts[2] ?? {}, ["missing"], `${path}[2]`);
        const field = readString(parts[1], `${path}[1]`);
        return {
          kind: "attribute",
          field,
          missing: missing === undefined ? 0 : readNumber(missing, `${path}[2].missing`),
        };
      }
      case "Weight": {
        const weight = readNumber(parts[1], `${path}[1]`);
        return { kind: "weight", weight, term: this.read(parts[2], `${path}[2]`, depth + 1) };
      }
      case "Decay":
        return this.#decay(parts, path, depth);
      case "Saturate": {
        const { midpoint } = readObject(parts[2], ["midpoint"], `${path}[2]`);
        const term = this.read(parts[1], `${path}[1]`, depth + 1);
        return { kind: "saturate", term, midpoint: readNumber(midpoint, `${path}[2].midpoint`) };
      }
      default:
        throw invalid(`${at(path)}${quoted(head)} is no part of expressions`, { path });
    }
  }

  #decay(parts: readonly unknown[], path: string, depth: number): RankExpression {
    const { origin, scale, shape } = readObject(parts[2], ["origin", "scale", "shape"], `${path}[2]`);
    const shapes = ["exponential", "gaussian", "linear"] as const;
    return {
      kind: "decay",
      shape: shape === undefined ? "exponential" : readChoice(shape, shapes, `${path}[2].shape`),
      term: this.read(parts[1], `${path}[1]`, depth + 1),
      origin: readNumber(origin, `${path}[2].origin`),
      scale: readNumber(scale, `${path}[2].scale`),
    };
  }
}
