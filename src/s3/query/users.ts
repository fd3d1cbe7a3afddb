import {
  accessKeys,
  groups,
  type IamGroup,
  type IamUser,
  type KeyHolder,
  users,
} from "../../identity/index.ts";
import { S3Refusal } from "../errors.ts";
import {
  arnOf,
  boundaryValue,
  everyOf,
  isoTime,
  listed,
  movedArn,
  namedBoundary,
  ofIam,
  type QueryCall,
  type QueryTable,
  type QueryValue,
} from "./operation.ts";
import { invalid } from "./parameters.ts";

export function userValue(user: IamUser, call: QueryCall): QueryValue {
  const { account } = call;
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.userId,
    Arn: `arn:aws:iam::${account.accountId}:user${user.path}${user.name}`,
    CreateDate: isoTime(user.createdAtMs),
    ...boundaryValue(call, user),
    ...(user.tags.length > 0 && { Tags: user.tags.map(({ name, value }) => ({ Key: name, Value: value })) }),
  };
}

export function groupValue(group: IamGroup, { account }: QueryCall): QueryValue {
  return {
    Path: group.path,
    GroupName: group.name,
    GroupId: group.groupId,
    Arn: `arn:aws:iam::${account.accountId}:group${group.path}${group.name}`,
    CreateDate: isoTime(group.createdAtMs),
  };
}

/** The user that a call names, or else whoever calls; undefined: the account itself. Refuses a session of a role that names nobody: it is no user. */
function namedUser({ principal, parameters, iam, account }: QueryCall): string | undefined {
  const name = parameters.optional("UserName");
  if (name !== undefined) return name;
  const { caller } = principal.identity ?? {};
  if (caller === undefined || caller.kind === "account") return undefined;
  if (caller.kind !== "user") throw invalid("Must specify userName when calling with non-User credentials");
  const row = iam.store.record(`i/${account.canonicalId}/${caller.uniqueId}`, "reference");
  const own = row === undefined ? undefined : iam.store.record(row, "user");
  // It was there when it was let in; whoever is gone since then is not the account.
  if (own === undefined) throw new S3Refusal("NoSuchEntity", "The user that calls cannot be found.");
  return own.name;
}

function ofNamedUser(call: QueryCall): string {
  const name = namedUser(call);
  return name === undefined ? `arn:aws:iam::${call.account.accountId}:root` : arnOf(call, "user", name);
}

async function keyHolder(call: QueryCall): Promise<KeyHolder> {
  const { iam, account, principal } = call;
  const name = namedUser(call);
  const user = name === undefined ? undefined : await users.getUser(iam, account.canonicalId, name);
  return { owner: principal.owner, user };
}

const user = (call: QueryCall): string => arnOf(call, "user", call.parameters.required("UserName"));

export const USER_OPERATIONS: QueryTable = {
  CreateUser: ofIam({
    parameters: ["UserName", "Path", "Tags", "PermissionsBoundary"],
    target: (call) =>
      arnOf(call, "user", call.parameters.required("UserName"), call.parameters.optional("Path") ?? "/"),
    run: async (call) => {
      const { iam, account, parameters } = call;
      const created = await users.createUser(iam, account.canonicalId, {
        name: parameters.required("UserName"),
        path: parameters.optional("Path") ?? "/",
        tags: parameters.tags(),
        boundary: namedBoundary(call),
      });
      return { User: userValue(created, call) };
    },
  }),

  GetUser: ofIam({
    parameters: ["UserName"],
    target: ofNamedUser,
    run: async (call) => {
      const { iam, account, principal } = call;
      const name = namedUser(call);
      if (name !== undefined) {
        return { User: userValue(await users.getUser(iam, account.canonicalId, name), call) };
      }
      const Arn = `arn:aws:iam::${account.accountId}:root`;
      const { displayName } = principal.owner;
      const CreateDate = isoTime(Number(iam.store.row(`a/${account.canonicalId}`)?.createdAtMs ?? 0n));
      return { User: { Path: "/", UserName: displayName, UserId: account.accountId, Arn, CreateDate } };
    },
  }),

  ListUsers: ofIam({
    parameters: ["PathPrefix", "Marker", "MaxItems"],
    target: (call) => everyOf(call, "user"),
    run: async (call) => {
      const page = await users.listUsers(call.iam, call.account.canonicalId, call.parameters.page());
      return listed("Users", { ...page, items: page.items.map((one) => userValue(one, call)) });
    },
  }),

  UpdateUser: ofIam({
    parameters: ["UserName", "NewUserName", "NewPath"],
    target: user,
    alsoTarget: (call) =>
      movedArn(call, "user", {
        name: call.parameters.required("UserName"),
        newName: call.parameters.optional("NewUserName"),
        newPath: call.parameters.optional("NewPath"),
      }),
    run: async ({ iam, account, parameters }) => {
      const change = { name: parameters.optional("NewUserName"), path: parameters.optional("NewPath") };
      await users.updateUser(iam, account.canonicalId, parameters.required("UserName"), change);
      return undefined;
    },
  }),

  DeleteUser: ofIam({
    parameters: ["UserName"],
    target: user,
    run: async ({ iam, account, parameters }) => {
      await users.deleteUser(iam, account.canonicalId, parameters.required("UserName"));
      return undefined;
    },
  }),

  CreateAccessKey: ofIam({
    parameters: ["UserName"],
    target: ofNamedUser,
    run: async (call) => {
      const holder = await keyHolder(call);
      const key = await accessKeys.createAccessKey(call.iam, holder);
      return {
        AccessKey: {
          UserName: holder.user?.name ?? "",
          AccessKeyId: key.keyId,
          Status: "Active",
          SecretAccessKey: key.secret,
          CreateDate: isoTime(key.createdAtMs),
        },
      };
    },
  }),

  ListAccessKeys: ofIam({
    parameters: ["UserName", "Marker", "MaxItems"],
    target: ofNamedUser,
    run: async (call) => {
      const holder = await keyHolder(call);
      const keys = await accessKeys.listAccessKeys(call.iam, holder);
      const items = keys.map((key) => ({
        UserName: holder.user?.name ?? "",
        AccessKeyId: key.keyId,
        Status: key.isActive ? "Active" : "Inactive",
        CreateDate: isoTime(key.createdAtMs),
      }));
      return listed("AccessKeyMetadata", { items });
    },
  }),

  UpdateAccessKey: ofIam({
    parameters: ["UserName", "AccessKeyId", "Status"],
    target: ofNamedUser,
    run: async (call) => {
      const { parameters, iam } = call;
      const status = parameters.required("Status");
      if (status !== "Active" && status !== "Inactive") throw invalid("Status is Active or Inactive.");
      const keyId = parameters.required("AccessKeyId");
      await accessKeys.setAccessKeyActive(iam, await keyHolder(call), {
        keyId,
        isActive: status === "Active",
      });
      return undefined;
    },
  }),

  DeleteAccessKey: ofIam({
    parameters: ["UserName", "AccessKeyId"],
    target: ofNamedUser,
    run: async (call) => {
      const keyId = call.parameters.required("AccessKeyId");
      await accessKeys.deleteAccessKey(call.iam, await keyHolder(call), keyId);
      return undefined;
    },
  }),

  ListGroupsForUser: ofIam({
    parameters: ["UserName", "Marker", "MaxItems"],
    target: user,
    run: async (call) => {
      const name = call.parameters.required("UserName");
      const found = await groups.listGroupsOfUser(call.iam, call.account.canonicalId, name);
      return listed("Groups", { items: found.map((group) => groupValue(group, call)) });
    },
  }),
};
