import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ClusterAdmin, MembershipAdmin } from "../admin/index.ts";
import { type ClusterService, UserSchema, type UserService } from "../gen/skerry/admin/v1/admin_pb.js";
import type { Account, Accounts } from "../identity/index.ts";
import type { Guard } from "./guard.ts";
import { statusMessage } from "./status-message.ts";

const DEFAULT_TOKEN_SECONDS = 3600;

export function clusterService(
  cluster: ClusterAdmin,
  membership: MembershipAdmin,
  guard: Guard,
): ServiceImpl<typeof ClusterService> {
  return {
    getStatus: (_, context) =>
      guard.unary("ClusterService/GetStatus", context, [], async () => statusMessage(await cluster.status())),
    createJoinToken: ({ validForSeconds }, context) =>
      guard.unary("ClusterService/CreateJoinToken", context, [], async () => {
        const made = await cluster.createJoinToken((validForSeconds || DEFAULT_TOKEN_SECONDS) * 1000);
        return {
          token: made.token,
          expiresAtMs: BigInt(made.expiresAtMs),
          peerAddresses: [...made.peerAddresses],
        };
      }),
    drainNode: ({ nodeId, cancel }, context) =>
      guard.unary("ClusterService/DrainNode", context, [], async () => {
        const { state, held } = await membership.drain(Number(nodeId), { cancel });
        return { state, heldBlobs: BigInt(held.blobs), heldBytes: BigInt(held.bytes) };
      }),
    removeNode: ({ nodeId, force }, context) =>
      guard.unary("ClusterService/RemoveNode", context, [], async () => {
        const held = await membership.remove(Number(nodeId), { force });
        return { lostCopiesBlobs: BigInt(held.blobs), lostCopiesBytes: BigInt(held.bytes) };
      }),
    transferLeadership: ({ nodeId }, context) =>
      guard.unary("ClusterService/TransferLeadership", context, [], async () => {
        const target = nodeId === 0n ? undefined : Number(nodeId);
        const { leaderNodeId, term } = await membership.transferLeadership(target);
        return { leaderNodeId: BigInt(leaderNodeId), term: BigInt(term) };
      }),
  };
}

export function userService(accounts: Accounts, guard: Guard): ServiceImpl<typeof UserService> {
  return {
    createUser: ({ name, displayName, email, canonicalId }, context) =>
      guard.unary("UserService/CreateUser", context, [], async () => ({
        user: userMessage(await accounts.create({ name, displayName, email, canonicalId })),
      })),
    listUsers: (_, context) =>
      guard.unary("UserService/ListUsers", context, [], async () => ({
        users: (await accounts.list()).map(userMessage),
      })),
    removeUser: ({ name }, context) =>
      guard.unary("UserService/RemoveUser", context, [], async () => {
        await accounts.remove(name);
        return {};
      }),
  };
}

function userMessage(account: Account) {
  return create(UserSchema, { ...account, createdAtMs: BigInt(account.createdAtMs) });
}
