/** The rules that protos state (`buf.validate`): every one with a value that keeps it and one that does not, and the one answer to all protocols. */

import { create, type DescField, type DescMessage, hasOption } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { file_buf_validate_validate as published } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { file_buf_validate_validate as ours, field as rulesOf } from "../gen/buf/validate/validate_pb.js";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.js";
import {
  ClusterService,
  CreateKeyRequestSchema,
  type KeyKind,
  KeyService,
  type Role,
  UserService,
} from "../gen/skerry/admin/v1/admin_pb.js";
import { EncryptionKeyService } from "../gen/skerry/admin/v1/encryption_pb.js";
import { MaintenanceService } from "../gen/skerry/admin/v1/maintenance_pb.js";
import { MetaService } from "../gen/skerry/admin/v1/meta_pb.js";
import { SearchStoreService } from "../gen/skerry/admin/v1/search_store_pb.js";
import { DocumentService, NamespaceService, QueryService } from "../gen/skerry/search/v1/search_pb.js";
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import { MAX_RETENTION_SECONDS, MAX_TTL_SECONDS } from "../meta/limits.ts";
import { ruleBroken } from "./field-rules.ts";
import { as, TestApi } from "./testing/test-api.ts";

const SERVICES = [
  ...[BucketService, ObjectService, KeyService, UserService, EncryptionKeyService, ClusterService],
  ...[MaintenanceService, MetaService, SearchStoreService],
  ...[NamespaceService, DocumentService, QueryService],
];
const REQUESTS = SERVICES.flatMap(({ methods }) => methods.map(({ input }) => input));

interface Case {
  readonly type: DescMessage;
  /** From the request down to the field with the rule. */
  readonly path: readonly DescField[];
}

/** Every field of a request, or of a message in it, that has a rule. */
function ruled(type: DescMessage, path: readonly DescField[] = []): readonly Case[] {
  return type.fields.flatMap((field) => {
    const here = [...path, field];
    const own = hasOption(field, rulesOf) ? [{ type: path[0]?.parent ?? type, path: here }] : [];
    const isNew = field.fieldKind === "message" && !path.some(({ message }) => message === field.message);
    return isNew ? [...own, ...ruled(field.message, here)] : own;
  });
}

const CASES = REQUESTS.flatMap((type) => ruled(type));
const LONG = "x".repeat(63);
const MOST_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** By the name of the field: what is taken, what is not, and the rule that says so. */
const VALUES: Readonly<
  Record<string, { readonly taken: readonly unknown[]; readonly refused: readonly [unknown, string][] }>
> = {
  org: names(),
  project: { ...names(), taken: [...names().taken, ""] },
  namespace: names(),
  target: {
    taken: ["docs", `${LONG}/web/docs`],
    refused: ["", "web/docs", "a/b/c/d", "/docs", "Docs"].map((value) => [value, "string.pattern"]),
  },
  consistency: { taken: [0, 1, 2], refused: [[3, "enum.defined_only"]] },
  samples: { taken: [0, 100], refused: [[101, "uint32.lte"]] },
  idempotency_key: { taken: ["", "ü".repeat(256)], refused: [["ü".repeat(257), "string.max_len"]] },
  default_ttl_seconds: { taken: [0n, MAX_TTL_SECONDS], refused: [[MAX_TTL_SECONDS + 1n, "uint64.lte"]] },
  retention_seconds: {
    taken: [0n, MAX_RETENTION_SECONDS],
    refused: [[MAX_RETENTION_SECONDS + 1n, "uint64.lte"]],
  },
  page_size: { taken: [0, 1000], refused: [[1001, "uint32.lte"]] },
  valid_for_seconds: { taken: [0, 604_800], refused: [[604_801, "uint32.lte"]] },
  grace_seconds: { taken: [0, 2_592_000], refused: [[2_592_001, "uint32.lte"]] },
  kind: {
    taken: [1, 2],
    refused: [
      [0, "enum.not_in"],
      [3, "enum.defined_only"],
    ],
  },
  role: { taken: [0, 4], refused: [[5, "enum.defined_only"]] },
  path: {
    taken: ["/mnt", "/mnt/a b", `/${"x".repeat(1023)}`],
    refused: [
      ...["", "/", "mnt", "/mnt/"].map((value): [unknown, string] => [value, "string.pattern"]),
      [`/${"x".repeat(1024)}`, "string.max_len"],
    ],
  },
  endpoint: {
    taken: ["https://s3.example.com", "http://127.0.0.1:9000", "http://[::1]:9000"],
    refused: ["", "s3.example.com", "https://a/b", "https://u@a", "ftp://a", "https://a?x"].map((value) => [
      value,
      "string.pattern",
    ]),
  },
  region: { taken: ["us-east-1"], refused: patterns("", "US", "a/b", "x".repeat(65)) },
  bucket: { taken: ["b", "My.bucket_1"], refused: patterns("", "a/b", "a b", "x".repeat(256)) },
  prefix: { taken: ["", "a/", "a/b.c/"], refused: patterns("a", "/a/", "a//", "a b/") },
  access_key_id: { taken: ["AKIA"], refused: patterns("", "a b", "ü", "x".repeat(129)) },
  secret_access_key: {
    taken: ["", "x".repeat(512)],
    refused: [["x".repeat(513), "string.max_len"]],
  },
  node_id: { taken: [1n, MOST_SAFE], refused: [[MOST_SAFE + 1n, "uint64"]] },
};

/** Of lists: namespaces have smaller pages than conflicts. */
const LIMITS: Readonly<Record<string, number>> = {
  ListNamespacesRequest: 1000,
  ListConflictsRequest: 10_000,
};

function patterns(...values: readonly string[]): [unknown, string][] {
  return values.map((value) => [value, "string.pattern"]);
}

function names() {
  return {
    taken: ["acme", LONG, "0a-b_c"],
    refused: ["Acme", "-a", "_a", "a.b", "a/b", `${LONG}x`, "a\n", "ü"].map((value): [unknown, string] => [
      value,
      "string.pattern",
    ]),
  };
}

function valuesOf({ type, path }: Case) {
  const name = path.at(-1)?.name ?? "";
  if (name !== "limit") return VALUES[name];
  const most = LIMITS[type.name] ?? 0;
  return { taken: [0, most], refused: [[most + 1, "uint32.lte"]] as [unknown, string][] };
}

/** Gives every field with a rule a value that keeps it, but one. */
function fillBut(message: ReturnType<typeof reflect>, but: DescField | undefined): void {
  for (const field of message.desc.fields) {
    if (field === but || !hasOption(field, rulesOf) || field.oneof !== undefined) continue;
    const taken = valuesOf({ type: message.desc, path: [field] })?.taken[0];
    if (taken !== undefined) message.set(field, taken);
  }
}

/** The refusal of a request in which this field, and no other, has this value; [field, rule]. Others may be refused besides for what they lack. */
function refusalOf({ type, path }: Case, value: unknown): readonly [string, string] | undefined {
  const request = reflect(type);
  let message = request;
  fillBut(message, path[0]);
  for (const [at, field] of path.slice(0, -1).entries()) {
    if (field.fieldKind !== "message") throw new Error("only messages have fields");
    const inner = reflect(field.message);
    fillBut(inner, path[at + 1]);
    message.set(field, inner);
    message = message.get(field) as typeof message;
  }
  message.set(path.at(-1) as DescField, value);
  const error = ruleBroken(type, request.message);
  const metadata = error?.findDetails(ErrorInfoSchema)[0]?.metadata;
  return metadata === undefined ? undefined : [metadata["field"] ?? "", metadata["rule"] ?? ""];
}

describe("every rule", () => {
  it("is in the table", () => {
    expect(CASES.length).toBeGreaterThan(70);
    expect(CASES.filter((one) => valuesOf(one) === undefined)).toEqual([]);
  });

  it.each(
    CASES.map((one) => [`${one.type.name}.${one.path.map(({ name }) => name).join(".")}`, one] as const),
  )("of %s takes what it should and nothing else", (_, one) => {
    const { taken, refused } = valuesOf(one) ?? { taken: [], refused: [] };
    const place = one.path.map(({ name }) => name).join(".");
    for (const value of taken) expect([value, refusalOf(one, value)]).toEqual([value, undefined]);
    for (const [value, rule] of refused) {
      expect([value, refusalOf(one, value)]).toEqual([value, [place, expect.stringContaining(rule)]]);
    }
  });

  it("names all places that are wrong", () => {
    const request = create(CreateKeyRequestSchema, { kind: 7 as KeyKind, role: 9 as Role });
    const error = ruleBroken(CreateKeyRequestSchema, request);
    expect(error?.rawMessage).toBe(
      "kind: must be one of s3, api; role: must be one of reader, writer, admin, user",
    );
    expect(error?.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "INVALID_ARGUMENT", metadata: { field: "kind", rule: "enum.defined_only" } },
    ]);
  });
});

describe("the schema of the rules", () => {
  it("has the names, numbers and types of the published one", () => {
    expect(ours.messages.length).toBeGreaterThan(3);
    for (const message of ours.messages) {
      const other = published.messages.find(({ name }) => name === message.name);
      for (const field of message.fields) {
        const same = other?.fields.find(({ name }) => name === field.name);
        expect([field.name, shapeOf(same)]).toEqual([field.name, shapeOf(field)]);
      }
    }
    const extension = published.extensions.find(({ name }) => name === rulesOf.name);
    expect([extension?.number, extension?.extendee.typeName]).toEqual([
      rulesOf.number,
      rulesOf.extendee.typeName,
    ]);
  });
});

function shapeOf(field: DescField | undefined) {
  const { number, fieldKind, scalar, message, oneof, presence } = field ?? {};
  return [number, fieldKind, scalar, message?.typeName, oneof?.name, presence];
}

describe("a request that breaks a rule", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await TestApi.start();
  });
  afterAll(() => api.close());

  const transports: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
    ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
    ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ];

  it.each(transports)("is refused over %s with the field and the rule", async (_, transport) => {
    const client = createClient(NamespaceService, transport(api.baseUrl));
    const error = await client
      .getNamespace({ namespace: "No Name" }, as("reader"))
      .catch((cause: unknown) => ConnectError.from(cause));
    if (!(error instanceof ConnectError)) throw new Error("it was not refused");
    expect([Code[error.code], error.findDetails(ErrorInfoSchema)[0]?.metadata]).toEqual([
      "InvalidArgument",
      { field: "namespace", rule: "string.pattern" },
    ]);
  });

  it("is refused over REST in the same words", async () => {
    const { status, body } = await api.rest("GET", "/v1/namespaces/No%20Name", { key: "reader" });
    expect([status, body]).toEqual([
      400,
      {
        error: {
          code: "invalid_argument",
          message: expect.stringMatching(/^namespace: /),
          request_id: expect.any(String),
          details: { field: "namespace", rule: "string.pattern" },
        },
      },
    ]);
  });

  it("tells nothing to strangers", async () => {
    const client = createClient(NamespaceService, createGrpcTransport({ baseUrl: api.baseUrl }));
    const codes = [{}, as("nobody")].map((options) =>
      client.getNamespace({ namespace: "No Name" }, options).catch((error: ConnectError) => Code[error.code]),
    );
    expect(await Promise.all(codes)).toEqual(["Unauthenticated", "Unauthenticated"]);
  });

  it("is refused also when it is a later message of a stream", async () => {
    const client = createClient(DocumentService, createGrpcTransport({ baseUrl: api.baseUrl }));
    async function* messages(...names: readonly string[]) {
      for (const namespace of names) yield { namespace };
    }
    for (const names of [["No Name"], ["docs", "No Name"]]) {
      const code = client
        .uploadDocuments(messages(...names), as("writer"))
        .catch((error: ConnectError) => [Code[error.code], error.rawMessage.split(":")[0]]);
      expect(await code).toEqual(["InvalidArgument", "namespace"]);
    }
  });

  it("is described by the OpenAPI document", async () => {
    const { body } = await api.rest("GET", "/v1/openapi.json");
    const path = "/v1/orgs/{org}/projects/{project}/namespaces";
    const operation = (body as { paths: Record<string, { get: { parameters: unknown[] } }> }).paths[path];
    expect(operation?.get.parameters).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: "org",
          in: "path",
          schema: { type: "string", pattern: "^([a-z0-9][a-z0-9_-]{0,62})?$" },
        }),
        expect.objectContaining({ name: "limit", schema: { type: "integer", maximum: 1000 } }),
      ]),
    );
  });
});
