import { assert } from "../../base/index.ts";

/**
 * The path of a `google.api.http` rule: literals and variables between slashes, and perhaps a verb behind a colon at the end.
 *
 *   /v1/keys/{key_id}        one segment
 *   /v1/files/{path=**}      all segments that follow; at least one, only as the last
 *
 * Source: google/api/http.proto, "Path template syntax"; of it what the protos here use. Anything else is refused when the routes are built.
 */
export interface PathTemplate {
  readonly text: string;
  readonly segments: readonly PathSegment[];
}

export type PathSegment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "variable"; readonly field: string; readonly takesRest: boolean };

const VARIABLE = /^\{([a-z][a-z0-9_]*)(=\*\*)?\}$/;
const LITERAL = /^[A-Za-z0-9._:-]+$/;

export function parsePathTemplate(text: string): PathTemplate {
  assert(text.startsWith("/"), "rpc.path-template");
  const segments = text.slice(1).split("/").map(parseSegment);
  const restAt = segments.findIndex((segment) => segment.kind === "variable" && segment.takesRest);
  assert(restAt === -1 || restAt === segments.length - 1, "rpc.path-template");
  return { text, segments };
}

function parseSegment(text: string): PathSegment {
  const variable = VARIABLE.exec(text);
  if (variable?.[1] !== undefined) {
    return { kind: "variable", field: variable[1], takesRest: variable[2] !== undefined };
  }
  assert(LITERAL.test(text), "rpc.path-template");
  return { kind: "literal", text };
}

/**
 * The variables of a path that fits, by field; undefined when it does not fit. `segments` are the percent-encoded segments of the path. A
 * variable is decoded after the path was cut, so that an encoded slash stays inside its segment.
 */
export function matchPath(
  template: PathTemplate,
  segments: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const values = new Map<string, string>();
  for (const [index, part] of template.segments.entries()) {
    const segment = segments[index];
    if (segment === undefined) return undefined;
    if (part.kind === "literal") {
      if (segment !== part.text) return undefined;
      continue;
    }
    const raw = part.takesRest ? segments.slice(index).join("/") : segment;
    const value = decode(raw);
    if (value === undefined || value === "") return undefined;
    values.set(part.field, value);
    if (part.takesRest) return values;
  }
  return segments.length === template.segments.length ? values : undefined;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
