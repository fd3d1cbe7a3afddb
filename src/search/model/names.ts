import { invalid } from "../errors.ts";
import { checkLimit } from "./limits.ts";
import { ID_FIELD } from "./schema.ts";

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Of an organization, project or namespace. */
export function checkName(what: "organization" | "project" | "namespace", name: string): void {
  if (NAME.test(name)) return;
  throw invalid(`a ${what} name is 1 to 63 of a-z, 0-9, "-" and "_", and begins with a letter or digit`, {
    path: what,
  });
}

export function checkFieldName(name: string, path: string): void {
  checkLimit("fieldNameCharacters", name.length, { path });
  if (name === ID_FIELD) throw invalid(`"${ID_FIELD}" is the document's id and no name of a field`, { path });
  if (!FIELD_NAME.test(name))
    throw invalid('a field name is of letters, digits, "_", "." and "-", and begins with a letter or "_"', {
      path,
    });
}
