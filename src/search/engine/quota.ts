import { create } from "@bufbuild/protobuf";
import { SetSearchQuotaSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NamespaceStore } from "../ports.ts";
import type { NamespaceScope, Quota, QuotaLimits } from "../service.ts";
import { accepted, ofCommitted } from "./refusals.ts";

/** What a scope holds and may hold, as everybody knows it. A scope that holds nothing and has no limits is one of zeroes. */
export async function readQuota(store: NamespaceStore, { org, project }: NamespaceScope): Promise<Quota> {
  await store.barrier();
  const row = store.view.searchScope(org, project);
  return {
    org,
    project,
    maxNamespaces: row?.maxNamespaces ?? 0n,
    maxBytes: row?.maxBytes ?? 0n,
    maxDocuments: row?.maxDocuments ?? 0n,
    namespaces: row?.namespaces ?? 0n,
    bytes: row?.bytes ?? 0n,
    documents: row?.documents ?? 0n,
  };
}

export async function writeQuota(
  store: NamespaceStore,
  { org, project }: NamespaceScope,
  limits: QuotaLimits,
): Promise<Quota> {
  const value = create(SetSearchQuotaSchema, { org, project, ...limits });
  accepted(await store.submit({ case: "setSearchQuota", value }), "done");
  return ofCommitted(() => readQuota(store, { org, project }));
}
