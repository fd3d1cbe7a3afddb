import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { assert } from "../../base/index.ts";
import { http } from "../../gen/google/api/annotations_pb.js";
import type { HttpRule } from "../../gen/google/api/http_pb.js";
import { matchPath, type PathTemplate, parsePathTemplate } from "./path-template.ts";

/** A service with what implements it. */
export interface ImplementedService {
  readonly service: DescService;
  readonly implementation: ServiceImpl<DescService>;
}

/** A way to a method over HTTP and JSON, as a `google.api.http` option of the proto says. */
export interface Route {
  /** "GET", "PUT", "POST", "DELETE", "PATCH". */
  readonly verb: string;
  readonly template: PathTemplate;
  /** What the body is: "*" the whole message, a field's name that field, "" nothing: the query is the rest of the message then. */
  readonly body: string;
  readonly method: DescMethod;
  readonly implemented: ImplementedService;
}

export function routesOf(services: readonly ImplementedService[]): readonly Route[] {
  return services.flatMap((implemented) =>
    implemented.service.methods
      .filter((method) => hasOption(method, http))
      .flatMap((method) => {
        const rule = getOption(method, http);
        return [rule, ...rule.additionalBindings].map((binding) => routeOf(implemented, method, binding));
      }),
  );
}

function routeOf(implemented: ImplementedService, method: DescMethod, { pattern, body }: HttpRule): Route {
  assert(pattern.case !== undefined && pattern.case !== "custom", "rpc.http-rule");
  const template = parsePathTemplate(pattern.value);
  const fields = new Set(method.input.fields.map(({ name }) => name));
  for (const segment of template.segments) {
    assert(segment.kind === "literal" || fields.has(segment.field), "rpc.http-rule-names-a-field");
  }
  assert(body === "" || body === "*" || fields.has(body), "rpc.http-rule-names-a-field");
  return { verb: pattern.case.toUpperCase(), template, body, method, implemented };
}

export type RouteMatch =
  | { readonly kind: "route"; readonly route: Route; readonly variables: ReadonlyMap<string, string> }
  | { readonly kind: "wrong-verb"; readonly allowed: readonly string[] }
  | { readonly kind: "none" };

/**
 * Which method a request is for. A literal segment wins over a variable. Where a unary method and one that takes a stream share verb and path,
 * `isStream` (the body is one message a line) decides.
 */
export class RouteTable {
  readonly #routes: readonly Route[];

  constructor(services: readonly ImplementedService[]) {
    this.#routes = [...routesOf(services)].sort(literalsFirst);
  }

  find(verb: string, path: string, isStream: boolean): RouteMatch {
    const segments = path.slice(1).split("/");
    const fitting = this.#routes.flatMap((route) => {
      const variables = matchPath(route.template, segments);
      return variables === undefined ? [] : [{ kind: "route" as const, route, variables }];
    });
    const ofVerb = fitting.filter(({ route }) => route.verb === verb);
    const found = ofVerb.find(({ route }) => takesStream(route) === isStream) ?? ofVerb[0];
    if (found !== undefined) return found;
    if (fitting.length === 0) return { kind: "none" };
    return { kind: "wrong-verb", allowed: [...new Set(fitting.map(({ route }) => route.verb))] };
  }
}

export function takesStream({ method }: Route): boolean {
  return method.methodKind === "client_streaming";
}

function literalsFirst(left: Route, right: Route): number {
  const order = ({ template }: Route) =>
    template.segments.map(({ kind }) => (kind === "literal" ? "0" : "1")).join("");
  const [a, b] = [order(left), order(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}
