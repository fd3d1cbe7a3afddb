import {
  type ManagedPolicy,
  type ManagedPolicyVersion,
  managedPolicies,
  summary,
} from "../../identity/index.ts";
import {
  everyOf,
  isoTime,
  listed,
  ofIam,
  type QueryCall,
  type QueryTable,
  type QueryValue,
} from "./operation.ts";
import { invalid } from "./parameters.ts";

function policyValue(policy: ManagedPolicy): QueryValue {
  return {
    PolicyName: policy.name,
    PolicyId: policy.policyId,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.defaultVersion,
    AttachmentCount: policy.attachments,
    PermissionsBoundaryUsageCount: policy.boundaryUses,
    IsAttachable: true,
    Description: policy.description,
    CreateDate: isoTime(policy.createdAtMs),
    UpdateDate: isoTime(policy.updatedAtMs),
  };
}

function versionValue({ version, isDefault, createdAtMs }: ManagedPolicyVersion): QueryValue {
  return { VersionId: version, IsDefaultVersion: isDefault, CreateDate: isoTime(createdAtMs) };
}

const arn = ({ parameters }: QueryCall): string => parameters.required("PolicyArn");
const address = (call: QueryCall) => ({ ...call.account, arn: arn(call) });

export const POLICY_OPERATIONS: QueryTable = {
  CreatePolicy: ofIam({
    parameters: ["PolicyName", "Path", "Description", "PolicyDocument"],
    target: ({ account, parameters }) =>
      `arn:aws:iam::${account.accountId}:policy${parameters.optional("Path") ?? "/"}${parameters.required("PolicyName")}`,
    run: async ({ iam, account, parameters }) => {
      const created = await managedPolicies.createPolicy(iam, account, {
        name: parameters.required("PolicyName"),
        path: parameters.optional("Path") ?? "/",
        description: parameters.optional("Description") ?? "",
        document: parameters.required("PolicyDocument"),
      });
      return { Policy: policyValue(created) };
    },
  }),

  GetPolicy: ofIam({
    parameters: ["PolicyArn"],
    target: arn,
    run: async (call) => ({ Policy: policyValue(await managedPolicies.getPolicy(call.iam, address(call))) }),
  }),

  ListPolicies: ofIam({
    parameters: ["Scope", "OnlyAttached", "PathPrefix", "Marker", "MaxItems"],
    target: (call) => everyOf(call, "policy"),
    run: async ({ iam, account, parameters }) => {
      const wanted = parameters.optional("Scope") ?? "All";
      const scope = (["All", "AWS", "Local"] as const).find((one) => one === wanted);
      if (scope === undefined) throw invalid("Scope is All, AWS or Local.");
      const onlyAttached = parameters.flag("OnlyAttached");
      const page = await managedPolicies.listPolicies(iam, account, {
        ...parameters.page(),
        scope,
        onlyAttached,
      });
      return listed("Policies", { ...page, items: page.items.map(policyValue) });
    },
  }),

  DeletePolicy: ofIam({
    parameters: ["PolicyArn"],
    target: arn,
    run: async (call) => {
      await managedPolicies.deletePolicy(call.iam, address(call));
      return undefined;
    },
  }),

  CreatePolicyVersion: ofIam({
    parameters: ["PolicyArn", "PolicyDocument", "SetAsDefault"],
    target: arn,
    run: async (call) => {
      const document = call.parameters.required("PolicyDocument");
      const isDefault = call.parameters.flag("SetAsDefault");
      const made = await managedPolicies.createPolicyVersion(call.iam, address(call), {
        document,
        isDefault,
      });
      return { PolicyVersion: versionValue(made) };
    },
  }),

  GetPolicyVersion: ofIam({
    parameters: ["PolicyArn", "VersionId"],
    target: arn,
    run: async (call) => {
      const VersionId = call.parameters.required("VersionId");
      const found = await managedPolicies.getPolicyVersion(call.iam, address(call), VersionId);
      const value = versionValue(found) as Readonly<Record<string, QueryValue>>;
      return { PolicyVersion: { Document: encodeURIComponent(found.document), ...value } };
    },
  }),

  ListPolicyVersions: ofIam({
    parameters: ["PolicyArn", "Marker", "MaxItems"],
    target: arn,
    run: async (call) => {
      const versions = await managedPolicies.listPolicyVersions(call.iam, address(call));
      return listed("Versions", { items: versions.map(versionValue) });
    },
  }),

  SetDefaultPolicyVersion: ofIam({
    parameters: ["PolicyArn", "VersionId"],
    target: arn,
    run: async (call) => {
      const VersionId = call.parameters.required("VersionId");
      await managedPolicies.setDefaultPolicyVersion(call.iam, address(call), VersionId);
      return undefined;
    },
  }),

  DeletePolicyVersion: ofIam({
    parameters: ["PolicyArn", "VersionId"],
    target: arn,
    run: async (call) => {
      const VersionId = call.parameters.required("VersionId");
      await managedPolicies.deletePolicyVersion(call.iam, address(call), VersionId);
      return undefined;
    },
  }),

  GetAccountSummary: ofIam({
    parameters: [],
    target: () => "*",
    run: async ({ iam, account }) => ({ SummaryMap: await summary.accountSummary(iam, account.canonicalId) }),
  }),
};
