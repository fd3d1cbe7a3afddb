import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { type Principal, ROLES, type Role } from "../access/index.ts";
import type { ClusterAdmin, KeyAdmin, KeyDescription, MembershipAdmin } from "../admin/index.ts";
import {
  type ClusterService,
  KeyKind,
  KeySchema,
  type KeyService,
  Role as RoleMessage,
  UserSchema,
  type UserService,
} from "../gen/skerry/admin/v1/admin_pb.js";
import type { Account, Accounts } from "../identity/index.ts";
import type { Guard } from "./guard.ts";
import { statusMessage } from "./status-message.ts";

const DEFAULT_TOKEN_SECONDS = 3600;
const MAX_TOKEN_SECONDS = 7 * 86_400;

export function keyService(keys: KeyAdmin, guard: Guard): ServiceImpl<typeof KeyService> {
  return {
    createKey: (request, context) =>
      guard.unary("KeyService/CreateKey", context, [], async ({ principal }) => {
        const role = roleOf(request.role, request.user !== "");
        refuseWider(principal, role);
        const minted = await keys.create({
          kind: kindOf(request.kind),
          role,
          description: request.description,
          buckets: request.buckets.length === 0 ? undefined : request.buckets,
          ownerDisplayName: request.ownerDisplayName,
          user: request.user,
          inflightLimit: request.inflightLimit,
        });
        return { key: keyMessage(minted.key), secret: minted.secret };
      }),
    listKeys: (_, context) =>
      guard.unary("KeyService/ListKeys", context, [], async () => ({
        keys: (await keys.list()).map(keyMessage),
      })),
    revokeKey: ({ keyId }, context) =>
      guard.unary("KeyService/RevokeKey", context, [], async () => {
        await keys.revoke(keyId);
        return {};
      }),
  };
}

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
        if (validForSeconds > MAX_TOKEN_SECONDS) {
          throw new ConnectError(
            `a join token is valid for at most ${MAX_TOKEN_SECONDS} s`,
            Code.InvalidArgument,
          );
        }
        const made = await cluster.createJoinToken((validForSeconds || DEFAULT_TOKEN_SECONDS) * 1000);
        return {
          token: made.token,
          expiresAtMs: BigInt(made.expiresAtMs),
          peerAddresses: [...made.peerAddresses],
        };
      }),
    drainNode: ({ nodeId, cancel }, context) =>
      guard.unary("ClusterService/DrainNode", context, [], async () => {
        const { state, held } = await membership.drain(nodeNumber(nodeId), { cancel });
        return { state, heldBlobs: BigInt(held.blobs), heldBytes: BigInt(held.bytes) };
      }),
    removeNode: ({ nodeId, force }, context) =>
      guard.unary("ClusterService/RemoveNode", context, [], async () => {
        const held = await membership.remove(nodeNumber(nodeId), { force });
        return { lostCopiesBlobs: BigInt(held.blobs), lostCopiesBytes: BigInt(held.bytes) };
      }),
    transferLeadership: ({ nodeId }, context) =>
      guard.unary("ClusterService/TransferLeadership", context, [], async () => {
        const target = nodeId === 0n ? undefined : nodeNumber(nodeId);
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

/** The id of a node. Ids are small numbers; what is none names no node. */
function nodeNumber(nodeId: bigint): number {
  if (nodeId >= 1n && nodeId <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(nodeId);
  throw new ConnectError("node_id is the id of a node", Code.InvalidArgument);
}

/** Nobody mints a key that may do more than its own. */
function refuseWider(principal: Principal, role: Role): void {
  if (ROLES.indexOf(role) > ROLES.indexOf(principal.role)) {
    throw new ConnectError("a key cannot mint a key with a greater role than its own", Code.PermissionDenied);
  }
}

function kindOf(kind: KeyKind): "s3" | "api" {
  if (kind === KeyKind.S3) return "s3";
  if (kind === KeyKind.API) return "api";
  throw new ConnectError("the kind is S3 or API", Code.InvalidArgument);
}

function roleOf(role: RoleMessage, hasUser: boolean): Role {
  switch (role) {
    case RoleMessage.USER:
      return "user";
    case RoleMessage.UNSPECIFIED:
      if (hasUser) return "user";
      throw new ConnectError("the role is READER, WRITER or ADMIN", Code.InvalidArgument);
    case RoleMessage.READER:
      return "reader";
    case RoleMessage.WRITER:
      return "writer";
    case RoleMessage.ADMIN:
      return "admin";
    default:
      throw new ConnectError("the role is READER, WRITER or ADMIN", Code.InvalidArgument);
  }
}

const ROLE_MESSAGES: Readonly<Record<Role, RoleMessage>> = {
  reader: RoleMessage.READER,
  writer: RoleMessage.WRITER,
  admin: RoleMessage.ADMIN,
  user: RoleMessage.USER,
};

function keyMessage(key: KeyDescription) {
  return create(KeySchema, {
    keyId: key.keyId,
    kind: key.kind === "s3" ? KeyKind.S3 : KeyKind.API,
    role: ROLE_MESSAGES[key.role],
    description: key.description,
    buckets: [...(key.buckets ?? [])],
    createdAtMs: BigInt(key.createdAtMs),
    ownerId: key.ownerId,
    ownerDisplayName: key.ownerDisplayName,
    userName: key.userName,
    inactive: key.inactive,
    inflightLimit: key.inflightLimit,
  });
}
