import { SearchError } from "../../errors.ts";

export function damaged(what: string): SearchError {
  return new SearchError("data-damaged", `a vector index ${what}`);
}
