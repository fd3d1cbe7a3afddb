import { type IamRole, roles } from "../../identity/index.ts";
import {
  arnOf,
  boundaryValue,
  everyOf,
  isoTime,
  listed,
  namedBoundary,
  ofIam,
  type QueryCall,
  type QueryTable,
  type QueryValue,
} from "./operation.ts";

const DEFAULT_SESSION_SECONDS = 3600;

function roleValue(role: IamRole, call: QueryCall): QueryValue {
  const { account } = call;
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.roleId,
    Arn: `arn:aws:iam::${account.accountId}:role${role.path}${role.name}`,
    CreateDate: isoTime(role.createdAtMs),
    AssumeRolePolicyDocument: encodeURIComponent(role.trustPolicy),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    ...boundaryValue(call, role),
    ...(role.tags.length > 0 && { Tags: role.tags.map(({ name, value }) => ({ Key: name, Value: value })) }),
  };
}

const role = (call: QueryCall): string => arnOf(call, "role", call.parameters.required("RoleName"));

export const ROLE_OPERATIONS: QueryTable = {
  CreateRole: ofIam({
    parameters: [
      "RoleName",
      "Path",
      "AssumeRolePolicyDocument",
      "Description",
      "MaxSessionDuration",
      "PermissionsBoundary",
      "Tags",
    ],
    target: (call) =>
      arnOf(call, "role", call.parameters.required("RoleName"), call.parameters.optional("Path") ?? "/"),
    run: async (call) => {
      const { iam, account, parameters } = call;
      const created = await roles.createRole(iam, account.canonicalId, {
        name: parameters.required("RoleName"),
        path: parameters.optional("Path") ?? "/",
        trustPolicy: parameters.required("AssumeRolePolicyDocument"),
        description: parameters.optional("Description") ?? "",
        maxSessionSeconds: parameters.number("MaxSessionDuration") ?? DEFAULT_SESSION_SECONDS,
        tags: parameters.tags(),
        boundary: namedBoundary(call),
      });
      return { Role: roleValue(created, call) };
    },
  }),

  GetRole: ofIam({
    parameters: ["RoleName"],
    target: role,
    run: async (call) => {
      const name = call.parameters.required("RoleName");
      return { Role: roleValue(await roles.getRole(call.iam, call.account.canonicalId, name), call) };
    },
  }),

  ListRoles: ofIam({
    parameters: ["PathPrefix", "Marker", "MaxItems"],
    target: (call) => everyOf(call, "role"),
    run: async (call) => {
      const page = await roles.listRoles(call.iam, call.account.canonicalId, call.parameters.page());
      return listed("Roles", { ...page, items: page.items.map((one) => roleValue(one, call)) });
    },
  }),

  UpdateRole: ofIam({
    parameters: ["RoleName", "Description", "MaxSessionDuration"],
    target: role,
    run: async ({ iam, account, parameters }) => {
      const description = parameters.optional("Description");
      const maxSessionSeconds = parameters.number("MaxSessionDuration");
      await roles.updateRole(iam, account.canonicalId, parameters.required("RoleName"), {
        ...(description !== undefined && { description }),
        ...(maxSessionSeconds !== undefined && { maxSessionSeconds }),
      });
      return {};
    },
  }),

  UpdateAssumeRolePolicy: ofIam({
    parameters: ["RoleName", "PolicyDocument"],
    target: role,
    run: async ({ iam, account, parameters }) => {
      const trustPolicy = parameters.required("PolicyDocument");
      await roles.updateRole(iam, account.canonicalId, parameters.required("RoleName"), { trustPolicy });
      return undefined;
    },
  }),

  DeleteRole: ofIam({
    parameters: ["RoleName"],
    target: role,
    run: async ({ iam, account, parameters }) => {
      await roles.deleteRole(iam, account.canonicalId, parameters.required("RoleName"));
      return undefined;
    },
  }),
};
