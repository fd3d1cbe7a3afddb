import type { ServiceImpl } from "@connectrpc/connect";
import type { Principal } from "../../access/index.ts";
import type { NamespaceService, Settings } from "../../gen/skerry/search/v1/search_pb.js";
import {
  type NamespaceName,
  type NamespaceSettings,
  type NamespaceService as Namespaces,
  type PointInTime,
  parseSchema,
  SearchError,
} from "../../search/index.ts";
import type { Guard } from "../guard.ts";
import { pageSize, parsePageToken, toPageToken } from "../pages.ts";
import { HTTP_ANSWER } from "../rest/index.ts";
import { findingMessage, namespaceMessage } from "./messages.ts";
import { type NamedNamespace, namespaceName, pathOf, projectNamed, targetName } from "./names.ts";
import { queriesOf } from "./queries.ts";
import { quotaMessage, scopeAboveTouched, scopeNamed, scopeTouched } from "./quotas.ts";
import { schemaToPlain } from "./requests.ts";
import { visibleNamespaces } from "./visible-namespaces.ts";

const DEFAULT_PAGE = 100;
const CREATED = 201;
const DEFAULT_SAMPLES = 25;
const DEFAULT_RECALL_TOP_K = 10;

/** Namespaces as wholes. Every method is guarded for the namespaces that it names, a target among them. */
export function namespaceService(namespaces: Namespaces, guard: Guard): ServiceImpl<typeof NamespaceService> {
  return {
    createNamespace: (request, context) =>
      guard.unary("NamespaceService/CreateNamespace", context, named(request), async ({ principal }) => {
        const made = await namespaces.createNamespace(namespaceName(principal, request), {
          schema: parseSchema(request.schema === undefined ? {} : schemaToPlain(request.schema)),
          settings: settingsOf(request.settings),
        });
        const created = made.kind === "created";
        const answer = context.values.get(HTTP_ANSWER);
        if (created && answer !== undefined) answer.status = CREATED;
        return { namespace: namespaceMessage(made.namespace), created };
      }),
    getNamespace: (request, context) =>
      guard.unary("NamespaceService/GetNamespace", context, named(request), async ({ principal }) => ({
        namespace: namespaceMessage(await namespaces.getNamespace(namespaceName(principal, request))),
      })),
    listNamespaces: (request, context) =>
      guard.unary("NamespaceService/ListNamespaces", context, [], async ({ principal }) => {
        const home = projectNamed(principal, request.org, request.project);
        const limit = request.limit === 0 ? DEFAULT_PAGE : pageSize(request.limit);
        const page = await visibleNamespaces(namespaces, principal, {
          ...home,
          prefix: request.prefix,
          after: parsePageToken(request.cursor),
          limit,
        });
        const last = page.at(-1);
        const isMore = page.length === limit && last !== undefined;
        return {
          namespaces: page.map(namespaceMessage),
          ...(isMore && { nextCursor: toPageToken(last.name.name) }),
        };
      }),
    updateNamespace: (request, context) =>
      guard.unary("NamespaceService/UpdateNamespace", context, named(request), async ({ principal }) => ({
        namespace: namespaceMessage(
          await namespaces.updateNamespace(namespaceName(principal, request), {
            ...(request.schema !== undefined && { schema: parseSchema(schemaToPlain(request.schema)) }),
            settings: settingsOf(request.settings),
          }),
        ),
      })),
    deleteNamespace: (request, context) =>
      guard.unary("NamespaceService/DeleteNamespace", context, named(request), async ({ principal }) => {
        await namespaces.deleteNamespace(namespaceName(principal, request));
        return {};
      }),
    branchNamespace: (request, context) =>
      guard.unary("NamespaceService/BranchNamespace", context, withTarget(request), async ({ principal }) => {
        const source = namespaceName(principal, request);
        const target = targetName(principal, source, request.target);
        return { namespace: namespaceMessage(await namespaces.branch(source, target, at(request))) };
      }),
    copyNamespace: (request, context) =>
      guard.unary("NamespaceService/CopyNamespace", context, withTarget(request), async ({ principal }) => {
        const source = namespaceName(principal, request);
        const copied = await namespaces.copy(source, targetName(principal, source, request.target), {
          ...at(request),
          ...(request.schema !== undefined && { schema: parseSchema(schemaToPlain(request.schema)) }),
          signal: context.signal,
        });
        return { namespace: namespaceMessage(copied) };
      }),
    warmNamespace: (request, context) =>
      guard.unary("NamespaceService/WarmNamespace", context, named(request), async ({ principal }) => {
        const report = await namespaces.warm(namespaceName(principal, request), { signal: context.signal });
        return { ...report, bytes: BigInt(report.bytes) };
      }),
    pinNamespace: (request, context) =>
      guard.unary("NamespaceService/PinNamespace", context, named(request), async ({ principal }) => ({
        namespace: namespaceMessage(await namespaces.pin(namespaceName(principal, request))),
      })),
    unpinNamespace: (request, context) =>
      guard.unary("NamespaceService/UnpinNamespace", context, named(request), async ({ principal }) => ({
        namespace: namespaceMessage(await namespaces.unpin(namespaceName(principal, request))),
      })),
    compactNamespace: (request, context) =>
      guard.unary("NamespaceService/CompactNamespace", context, named(request), ({ principal }) =>
        namespaces.compact(namespaceName(principal, request), { signal: context.signal }),
      ),
    verifyNamespace: (request, context) =>
      guard.unary("NamespaceService/VerifyNamespace", context, named(request), async ({ principal }) => {
        const report = await namespaces.verify(namespaceName(principal, request), { signal: context.signal });
        return {
          ...report,
          bytes: BigInt(report.bytes),
          problems: [...report.problems],
          findings: report.findings.map(findingMessage),
        };
      }),
    measureRecall: (request, context) =>
      guard.unary("NamespaceService/MeasureRecall", context, named(request), ({ principal }) =>
        namespaces.recall(namespaceName(principal, request), {
          queries: queriesOf(request),
          samples: request.samples || DEFAULT_SAMPLES,
          k: request.topK || DEFAULT_RECALL_TOP_K,
          signal: context.signal,
        }),
      ),
    getQuota: (request, context) =>
      guard.unary("NamespaceService/GetQuota", context, scopeTouched(request), async () => ({
        quota: quotaMessage(await namespaces.quota(scopeNamed(request))),
      })),
    setQuota: (request, context) =>
      guard.unary("NamespaceService/SetQuota", context, scopeAboveTouched(request), async () => {
        const { maxNamespaces, maxBytes, maxDocuments } = request;
        const limits = { maxNamespaces, maxBytes, maxDocuments };
        return { quota: quotaMessage(await namespaces.setQuota(scopeNamed(request), limits)) };
      }),
  };
}

/** What the gate is asked about: known only with the caller, who may leave the project out. */
export function named(request: NamedNamespace) {
  return (principal: Principal) => [{ namespace: pathOf(namespaceName(principal, request)) }];
}

function withTarget(request: NamedNamespace & { readonly target: string }) {
  return (principal: Principal) => {
    const source: NamespaceName = namespaceName(principal, request);
    return [source, targetName(principal, source, request.target)].map((name) => ({
      namespace: pathOf(name),
    }));
  };
}

function settingsOf(settings: Settings | undefined): Partial<NamespaceSettings> {
  return {
    ...(settings?.defaultTtlSeconds !== undefined && {
      defaultTtlSeconds: Number(settings.defaultTtlSeconds),
    }),
    ...(settings?.retentionSeconds !== undefined && { retentionSeconds: Number(settings.retentionSeconds) }),
    ...(settings?.pinned !== undefined && { pinned: settings.pinned }),
  };
}

/** A state of the past, where a request names one. */
export function at({
  atVersion,
  atTimeMs,
}: {
  readonly atVersion?: bigint | undefined;
  readonly atTimeMs?: bigint | undefined;
}): {
  readonly at?: PointInTime;
} {
  if (atVersion !== undefined && atTimeMs !== undefined) {
    throw new SearchError("invalid-argument", "at_version and at_time_ms name two states", {
      path: "at_time_ms",
    });
  }
  if (atVersion !== undefined) return { at: { kind: "version", version: atVersion } };
  if (atTimeMs !== undefined) return { at: { kind: "time", timeMs: Number(atTimeMs) } };
  return {};
}
