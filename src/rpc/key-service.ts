import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { type Principal, type Role, widerThan } from "../access/index.ts";
import type { KeyAdmin, KeyDescription, NewKey } from "../admin/index.ts";
import { KeyKind, KeySchema, type KeyService, Role as RoleMessage } from "../gen/skerry/admin/v1/admin_pb.js";
import type { Guard } from "./guard.ts";

const ROLE_MESSAGES: Readonly<Record<Role, RoleMessage>> = {
  reader: RoleMessage.READER,
  writer: RoleMessage.WRITER,
  admin: RoleMessage.ADMIN,
  user: RoleMessage.USER,
};
/** How long a secret works after it was rotated, unless the request says otherwise: a day. */
const DEFAULT_GRACE_SECONDS = 24 * 3600;

export function keyService(keys: KeyAdmin, guard: Guard): ServiceImpl<typeof KeyService> {
  return {
    createKey: (request, context) =>
      guard.unary("KeyService/CreateKey", context, [], async ({ principal }) => {
        const wanted: NewKey = {
          kind: kindOf(request.kind),
          role: roleOf(request.role, request.user !== ""),
          description: request.description,
          buckets: request.buckets.length === 0 ? undefined : request.buckets,
          namespaces: request.namespaces.length === 0 ? undefined : request.namespaces,
          ownerDisplayName: request.ownerDisplayName,
          user: request.user,
          inflightLimit: request.inflightLimit,
        };
        refuseWider(principal, wanted);
        const minted = await keys.create(wanted);
        return { key: keyMessage(minted.key), secret: minted.secret };
      }),
    listKeys: (_, context) =>
      guard.unary("KeyService/ListKeys", context, [], async ({ principal }) => ({
        keys: (await keys.list()).filter((key) => !isHidden(principal, key)).map(keyMessage),
      })),
    rotateKey: ({ keyId, graceSeconds }, context) =>
      guard.unary("KeyService/RotateKey", context, [], async ({ principal }) => {
        await refuseForeign(keys, principal, keyId);
        const rotated = await keys.rotate(keyId, { graceSeconds: graceSeconds ?? DEFAULT_GRACE_SECONDS });
        return { key: keyMessage(rotated.key), secret: rotated.secret };
      }),
    revokeKey: ({ keyId }, context) =>
      guard.unary("KeyService/RevokeKey", context, [], async ({ principal }) => {
        await refuseForeign(keys, principal, keyId);
        await keys.revoke(keyId);
        return {};
      }),
  };
}

/** Nobody mints a key that may do more than the own one, elsewhere, or more of it at a time. */
function refuseWider(principal: Principal, wanted: NewKey): void {
  const wider = widerThan(principal, wanted);
  if (wider === undefined) return;
  const why = {
    role: "a key cannot mint a key with a greater role than its own",
    scope: "a key mints only API keys within its own namespaces",
    inflight: `a key mints only keys with a limit of requests under way from 1 to its own, ${principal.inflightLimit}`,
  };
  throw new ConnectError(why[wider], Code.PermissionDenied);
}

/** A key that is limited to namespaces knows of no keys but those that it could have minted. */
function isHidden(principal: Principal, key: KeyDescription): boolean {
  return principal.namespaces !== undefined && widerThan(principal, key) !== undefined;
}

async function refuseForeign(keys: KeyAdmin, principal: Principal, keyId: string): Promise<void> {
  if (principal.namespaces === undefined) return;
  const key = (await keys.list()).find((one) => one.keyId === keyId);
  if (key === undefined || isHidden(principal, key)) {
    throw new ConnectError("there is no key of this id", Code.NotFound);
  }
}

function kindOf(kind: KeyKind): "s3" | "api" {
  return kind === KeyKind.S3 ? "s3" : "api";
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
  }
}

function keyMessage(key: KeyDescription) {
  return create(KeySchema, {
    keyId: key.keyId,
    kind: key.kind === "s3" ? KeyKind.S3 : KeyKind.API,
    role: ROLE_MESSAGES[key.role],
    description: key.description,
    buckets: [...(key.buckets ?? [])],
    namespaces: [...(key.namespaces ?? [])],
    createdAtMs: BigInt(key.createdAtMs),
    ownerId: key.ownerId,
    ownerDisplayName: key.ownerDisplayName,
    userName: key.userName,
    inactive: key.inactive,
    inflightLimit: key.inflightLimit,
    previousUntilMs: BigInt(key.previousUntilMs),
  });
}
