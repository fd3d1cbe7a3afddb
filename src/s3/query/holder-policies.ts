/** What users, groups and roles have alike: policies of their own, attached ones, and tags. */

import {
  attachments,
  type BoundedAddress,
  boundaries,
  type HolderAddress,
  type HolderKind,
  inlinePolicies,
  tags,
} from "../../identity/index.ts";
import { arnOf, listed, ofIam, type QueryCall, type QueryTable } from "./operation.ts";

function operationsOf(kind: HolderKind, Kind: "User" | "Group" | "Role"): QueryTable {
  const nameParameter = `${Kind}Name`;
  const target = (call: QueryCall): string => arnOf(call, kind, call.parameters.required(nameParameter));
  const address = ({ account, parameters }: QueryCall): HolderAddress => ({
    kind,
    canonicalId: account.canonicalId,
    name: parameters.required(nameParameter),
  });
  const policyOf = ({ account, parameters }: QueryCall) => ({
    ...account,
    arn: parameters.required("PolicyArn"),
  });
  return {
    [`Put${Kind}Policy`]: ofIam({
      parameters: [nameParameter, "PolicyName", "PolicyDocument"],
      target,
      run: async (call) => {
        const name = call.parameters.required("PolicyName");
        const document = call.parameters.required("PolicyDocument");
        await inlinePolicies.putInlinePolicy(call.iam, address(call), { name, document });
        return undefined;
      },
    }),
    [`Get${Kind}Policy`]: ofIam({
      parameters: [nameParameter, "PolicyName"],
      target,
      run: async (call) => {
        const PolicyName = call.parameters.required("PolicyName");
        const found = await inlinePolicies.getInlinePolicy(call.iam, address(call), PolicyName);
        const PolicyDocument = encodeURIComponent(found.document);
        return { [nameParameter]: found.holderName, PolicyName, PolicyDocument };
      },
    }),
    [`List${Kind}Policies`]: ofIam({
      parameters: [nameParameter, "Marker", "MaxItems"],
      target,
      run: async (call) =>
        listed("PolicyNames", { items: await inlinePolicies.listInlinePolicies(call.iam, address(call)) }),
    }),
    [`Delete${Kind}Policy`]: ofIam({
      parameters: [nameParameter, "PolicyName"],
      target,
      run: async (call) => {
        const name = call.parameters.required("PolicyName");
        await inlinePolicies.deleteInlinePolicy(call.iam, address(call), name);
        return undefined;
      },
    }),
    [`Attach${Kind}Policy`]: ofIam({
      parameters: [nameParameter, "PolicyArn"],
      target,
      run: async (call) => {
        await attachments.attachPolicy(call.iam, address(call), policyOf(call));
        return undefined;
      },
    }),
    [`Detach${Kind}Policy`]: ofIam({
      parameters: [nameParameter, "PolicyArn"],
      target,
      run: async (call) => {
        await attachments.detachPolicy(call.iam, address(call), policyOf(call));
        return undefined;
      },
    }),
    [`ListAttached${Kind}Policies`]: ofIam({
      parameters: [nameParameter, "PathPrefix", "Marker", "MaxItems"],
      target,
      run: async (call) => {
        const { accountId } = call.account;
        const found = await attachments.listAttachedPolicies(call.iam, address(call), accountId);
        const items = found.map(({ name, arn }) => ({ PolicyName: name, PolicyArn: arn }));
        return listed("AttachedPolicies", { items });
      },
    }),
  };
}

function tagOperationsOf(kind: "user" | "role", Kind: "User" | "Role"): QueryTable {
  const nameParameter = `${Kind}Name`;
  const target = (call: QueryCall): string => arnOf(call, kind, call.parameters.required(nameParameter));
  const address = ({ account, parameters }: QueryCall) => ({
    kind,
    canonicalId: account.canonicalId,
    name: parameters.required(nameParameter),
  });
  return {
    [`Tag${Kind}`]: ofIam({
      parameters: [nameParameter, "Tags"],
      target,
      run: async (call) => {
        await tags.addTags(call.iam, address(call), call.parameters.tags());
        return undefined;
      },
    }),
    [`Untag${Kind}`]: ofIam({
      parameters: [nameParameter, "TagKeys"],
      target,
      run: async (call) => {
        await tags.removeTags(call.iam, address(call), call.parameters.list("TagKeys"));
        return undefined;
      },
    }),
    [`List${Kind}Tags`]: ofIam({
      parameters: [nameParameter, "Marker", "MaxItems"],
      target,
      run: async (call) => {
        const found = await tags.listTags(call.iam, address(call));
        return listed("Tags", { items: found.map(({ name, value }) => ({ Key: name, Value: value })) });
      },
    }),
  };
}

function boundaryOperationsOf(kind: "user" | "role", Kind: "User" | "Role"): QueryTable {
  const nameParameter = `${Kind}Name`;
  const target = (call: QueryCall): string => arnOf(call, kind, call.parameters.required(nameParameter));
  const address = ({ account, parameters }: QueryCall): BoundedAddress => ({
    kind,
    canonicalId: account.canonicalId,
    name: parameters.required(nameParameter),
  });
  return {
    [`Put${Kind}PermissionsBoundary`]: ofIam({
      parameters: [nameParameter, "PermissionsBoundary"],
      target,
      run: async (call) => {
        const arn = call.parameters.required("PermissionsBoundary");
        await boundaries.setBoundary(call.iam, address(call), { ...call.account, arn });
        return undefined;
      },
    }),
    [`Delete${Kind}PermissionsBoundary`]: ofIam({
      parameters: [nameParameter],
      target,
      run: async (call) => {
        await boundaries.removeBoundary(call.iam, address(call));
        return undefined;
      },
    }),
  };
}

export const HOLDER_OPERATIONS: QueryTable = {
  ...operationsOf("user", "User"),
  ...operationsOf("group", "Group"),
  ...operationsOf("role", "Role"),
  ...tagOperationsOf("user", "User"),
  ...tagOperationsOf("role", "Role"),
  ...boundaryOperationsOf("user", "User"),
  ...boundaryOperationsOf("role", "Role"),
};
