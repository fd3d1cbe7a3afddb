import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { unreachable } from "../../base/index.ts";
import { constraintsOf } from "./constraints.ts";
import { enumNames } from "./enum-names.ts";
import type { JsonForms } from "./json-form.ts";
import type { Json, JsonObject } from "./json-text.ts";
import { type ImplementedService, type Route, routesOf, takesStream } from "./route-table.ts";

const OPENAPI_VERSION = "3.1.0";
/** Of the paths, which begin with it. */
const API_VERSION = "v1";
const ERROR: JsonObject = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "request_id", "details"],
      properties: {
        code: { type: "string" },
        message: { type: "string" },
        request_id: { type: "string" },
        details: { type: "object", additionalProperties: { type: "string" } },
      },
    },
  },
};

/** The REST surface as an OpenAPI document, from the same descriptors and forms that serve it. Source: OpenAPI Specification 3.1.0. */
export function openApiDocument(services: readonly ImplementedService[], forms: JsonForms): JsonObject {
  const schemas = new Schemas(forms);
  const paths = new Map<string, Record<string, Json>>();
  for (const route of routesOf(services)) {
    const path = route.template.text.replaceAll("=**}", "}");
    const operations = paths.get(path) ?? {};
    const verb = route.verb.toLowerCase();
    // Two methods of one verb and path differ in their body alone: it is one operation with two content types.
    operations[verb] = operationOf(route, schemas, operations[verb] as JsonObject | undefined);
    paths.set(path, operations);
  }
  return {
    openapi: OPENAPI_VERSION,
    info: {
      title: "Skerry",
      version: API_VERSION,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    security: [{ bearer: [] }],
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: { Error: ERROR, ...schemas.all() },
    },
  };
}

function operationOf(route: Route, schemas: Schemas, besides: JsonObject | undefined): JsonObject {
  const { method, implemented } = route;
  const variables = new Set(
    route.template.segments.flatMap((segment) => (segment.kind === "variable" ? [segment.field] : [])),
  );
  const inQuery = route.body === "*" ? [] : method.input.fields.filter(({ name }) => name !== route.body);
  const parameters = [
    ...[...variables].map((name) => ({
      name,
      in: "path",
      required: true,
      schema: pathSchema(method.input.fields.find((field) => field.name === name)),
    })),
    ...inQuery
      .filter(({ name }) => !variables.has(name))
      .map((field) => ({ name: field.name, in: "query", schema: schemas.ofField(field) })),
  ];
  const answerType = method.methodKind === "server_streaming" ? "application/x-ndjson" : "application/json";
  return {
    operationId: `${implemented.service.name}_${method.name}`,
    tags: [implemented.service.name],
    parameters,
    ...(route.body !== "" && { requestBody: { content: contentOf(route, variables, schemas, besides) } }),
    responses: {
      "200": { description: "Done", content: { [answerType]: { schema: schemas.ofMessage(method.output) } } },
      default: { description: "Refused", content: { "application/json": { schema: reference("Error") } } },
    },
  };
}

/** In a path everything is a string. */
function pathSchema(field: DescField | undefined): JsonObject {
  return { type: "string", ...(field?.scalar === ScalarType.STRING && constraintsOf(field)) };
}

function contentOf(
  route: Route,
  variables: ReadonlySet<string>,
  schemas: Schemas,
  besides: JsonObject | undefined,
): JsonObject {
  const { input } = route.method;
  const field = input.fields.find(({ name }) => name === route.body);
  const schema = field === undefined ? schemas.ofFields(input, variables) : schemas.ofField(field);
  const before = (besides?.["requestBody"] as JsonObject | undefined)?.["content"] as JsonObject | undefined;
  return { ...before, [takesStream(route) ? "application/x-ndjson" : "application/json"]: { schema } };
}

/** Schemas of messages, each under its full name. */
class Schemas {
  readonly #forms: JsonForms;
  readonly #made = new Map<string, Json>();

  constructor(forms: JsonForms) {
    this.#forms = forms;
  }

  all(): JsonObject {
    return Object.fromEntries([...this.#made].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  ofMessage(type: DescMessage): Json {
    if (!this.#made.has(type.typeName)) {
      // A message may contain itself: the name is taken before its fields are looked at.
      this.#made.set(type.typeName, {});
      this.#made.set(type.typeName, this.#forms.get(type.typeName)?.schema ?? this.ofFields(type, new Set()));
    }
    return reference(type.typeName);
  }

  ofFields(type: DescMessage, without: ReadonlySet<string>): Json {
    const fields = type.fields.filter(({ name }) => !without.has(name));
    return {
      type: "object",
      additionalProperties: false,
      properties: Object.fromEntries(fields.map((field) => [field.name, this.ofField(field)])),
    };
  }

  ofField(field: DescField): Json {
    switch (field.fieldKind) {
      case "scalar":
        return { ...ofScalar(field.scalar), ...constraintsOf(field) };
      case "enum":
        return ofEnum(field.enum);
      case "message":
        return this.ofMessage(field.message);
      case "list":
        return { type: "array", items: this.#ofItem(field) };
      case "map":
        return { type: "object", additionalProperties: this.#ofItem(field) };
      default:
        return unreachable(field);
    }
  }

  #ofItem(field: DescField): Json {
    if (field.message !== undefined) return this.ofMessage(field.message);
    return field.enum === undefined ? ofScalar(field.scalar as ScalarType) : ofEnum(field.enum);
  }
}

function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

function ofEnum(type: DescEnum): Json {
  return {
    type: "string",
    enum: [...enumNames(type)].filter(([number]) => number !== 0).map(([, name]) => name),
  };
}

function ofScalar(type: ScalarType): JsonObject {
  switch (type) {
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: "number" };
    default:
      return { type: "integer" };
  }
}
