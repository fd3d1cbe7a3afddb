import { unreachable } from "../../base/index.ts";
import type { Filter } from "../filter/filter.ts";
import type { AttributeValue } from "../model/document.ts";
import type { RankExpression } from "./expression.ts";

/** What an expression asks of one row. */
export interface ExpressionRow {
  /** 0: not among the leg's candidates. */
  legScore(leg: number): number;
  attribute(field: string): AttributeValue | undefined;
  passes(filter: Filter): boolean;
}

/** The value of an expression for a row; every step that is not finite counts as 0. */
export function evaluateExpression(expression: RankExpression, row: ExpressionRow): number {
  const value = termValue(expression, row);
  return Number.isFinite(value) ? value : 0;
}

function termValue(expression: RankExpression, row: ExpressionRow): number {
  switch (expression.kind) {
    case "constant":
      return expression.value;
    case "leg":
      return row.legScore(expression.leg);
    case "attribute": {
      const value = row.attribute(expression.field);
      return value === undefined || typeof value === "object" ? expression.missing : Number(value);
    }
    case "filter":
      return row.passes(expression.filter) ? 1 : 0;
    case "sum":
      return expression.terms.reduce((sum, term) => sum + evaluateExpression(term, row), 0);
    case "product":
      return expression.terms.reduce((product, term) => product * evaluateExpression(term, row), 1);
    case "max":
      return Math.max(...expression.terms.map((term) => evaluateExpression(term, row)));
    case "min":
      return Math.min(...expression.terms.map((term) => evaluateExpression(term, row)));
    case "weight":
      return expression.weight * evaluateExpression(expression.term, row);
    case "decay":
      return decay(expression, evaluateExpression(expression.term, row));
    case "saturate": {
      const value = evaluateExpression(expression.term, row);
      return value <= 0 ? 0 : value / (value + expression.midpoint);
    }
    default:
      return unreachable(expression);
  }
}

function decay({ shape, origin, scale }: Extract<RankExpression, { kind: "decay" }>, value: number): number {
  const distance = Math.abs(value - origin) / scale;
  switch (shape) {
    case "exponential":
      return 0.5 ** distance;
    case "gaussian":
      return 0.5 ** (distance * distance);
    case "linear":
      return Math.max(0, 1 - distance / 2);
    default:
      return unreachable(shape);
  }
}

/** Every part of an expression, the whole first. */
export function* partsOfExpression(expression: RankExpression): Generator<RankExpression> {
  yield expression;
  switch (expression.kind) {
    case "sum":
    case "product":
    case "max":
    case "min":
      for (const term of expression.terms) yield* partsOfExpression(term);
      break;
    case "weight":
    case "decay":
    case "saturate":
      yield* partsOfExpression(expression.term);
      break;
    default:
  }
}
