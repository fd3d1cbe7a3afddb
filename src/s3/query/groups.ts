import { groups } from "../../identity/index.ts";
import { arnOf, everyOf, listed, movedArn, ofIam, type QueryCall, type QueryTable } from "./operation.ts";
import { groupValue, userValue } from "./users.ts";

const group = (call: QueryCall): string => arnOf(call, "group", call.parameters.required("GroupName"));
const membership = ({ parameters }: QueryCall) => ({
  group: parameters.required("GroupName"),
  user: parameters.required("UserName"),
});

export const GROUP_OPERATIONS: QueryTable = {
  CreateGroup: ofIam({
    parameters: ["GroupName", "Path"],
    target: (call) =>
      arnOf(call, "group", call.parameters.required("GroupName"), call.parameters.optional("Path") ?? "/"),
    run: async (call) => {
      const { iam, account, parameters } = call;
      const created = await groups.createGroup(iam, account.canonicalId, {
        name: parameters.required("GroupName"),
        path: parameters.optional("Path") ?? "/",
      });
      return { Group: groupValue(created, call) };
    },
  }),

  GetGroup: ofIam({
    parameters: ["GroupName", "Marker", "MaxItems"],
    target: group,
    run: async (call) => {
      const name = call.parameters.required("GroupName");
      const found = await groups.getGroup(call.iam, call.account.canonicalId, name);
      return {
        Group: groupValue(found.group, call),
        Users: found.users.map((user) => userValue(user, call)),
        IsTruncated: false,
      };
    },
  }),

  ListGroups: ofIam({
    parameters: ["PathPrefix", "Marker", "MaxItems"],
    target: (call) => everyOf(call, "group"),
    run: async (call) => {
      const page = await groups.listGroups(call.iam, call.account.canonicalId, call.parameters.page());
      return listed("Groups", { ...page, items: page.items.map((one) => groupValue(one, call)) });
    },
  }),

  UpdateGroup: ofIam({
    parameters: ["GroupName", "NewGroupName", "NewPath"],
    target: group,
    alsoTarget: (call) =>
      movedArn(call, "group", {
        name: call.parameters.required("GroupName"),
        newName: call.parameters.optional("NewGroupName"),
        newPath: call.parameters.optional("NewPath"),
      }),
    run: async ({ iam, account, parameters }) => {
      const change = { name: parameters.optional("NewGroupName"), path: parameters.optional("NewPath") };
      await groups.updateGroup(iam, account.canonicalId, parameters.required("GroupName"), change);
      return undefined;
    },
  }),

  DeleteGroup: ofIam({
    parameters: ["GroupName"],
    target: group,
    run: async ({ iam, account, parameters }) => {
      await groups.deleteGroup(iam, account.canonicalId, parameters.required("GroupName"));
      return undefined;
    },
  }),

  AddUserToGroup: ofIam({
    parameters: ["GroupName", "UserName"],
    target: group,
    run: async (call) => {
      await groups.addUserToGroup(call.iam, call.account.canonicalId, membership(call));
      return undefined;
    },
  }),

  RemoveUserFromGroup: ofIam({
    parameters: ["GroupName", "UserName"],
    target: group,
    run: async (call) => {
      await groups.removeUserFromGroup(call.iam, call.account.canonicalId, membership(call));
      return undefined;
    },
  }),
};
