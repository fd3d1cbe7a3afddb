import { accountIdOf } from "../../access/index.ts";
import { proveWebIdentity, type Session, sessions } from "../../identity/index.ts";
import { S3Refusal } from "../errors.ts";
import { isoTime, type QueryCall, type QueryTable, type QueryValue } from "./operation.ts";

function credentials(session: Session): QueryValue {
  return {
    AccessKeyId: session.keyId,
    SecretAccessKey: session.secret,
    SessionToken: session.token,
    Expiration: isoTime(session.expiresAtMs),
  };
}

export const STS_OPERATIONS: QueryTable = {
  GetCallerIdentity: {
    service: "sts",
    leastRole: "reader",
    resource: "caller",
    parameters: [],
    target: () => ({}),
    run: async ({ principal, account }: QueryCall) => {
      const { caller } = principal.identity ?? {};
      const isNamed = caller !== undefined && "arn" in caller;
      const Arn = isNamed ? caller.arn : `arn:aws:iam::${account.accountId}:root`;
      const UserId = principal.identity?.context.get("aws:userid")?.[0] ?? account.accountId;
      return { Arn, UserId, Account: account.accountId };
    },
  },

  GetSessionToken: {
    service: "sts",
    leastRole: "admin",
    resource: "session",
    parameters: ["DurationSeconds"],
    target: () => ({}),
    run: async ({ iam, principal, parameters }: QueryCall) => {
      const session = sessions.sessionOfUser(iam, principal, parameters.number("DurationSeconds"));
      return { Credentials: credentials(session) };
    },
  },

  AssumeRole: {
    service: "sts",
    leastRole: "admin",
    resource: "role",
    parameters: ["RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "PolicyArns", "ExternalId"],
    target: roleTarget,
    run: async (call) => assumed(call),
  },

  AssumeRoleWithWebIdentity: {
    service: "sts",
    leastRole: "admin",
    resource: "role",
    parameters: ["RoleArn", "RoleSessionName", "WebIdentityToken", "DurationSeconds", "Policy", "PolicyArns"],
    prove: async ({ iam, parameters }) => {
      const found = await sessions.roleOfArn(iam, parameters.required("RoleArn"));
      if (found === undefined) {
        throw new S3Refusal("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
      }
      const { canonicalId, access } = found;
      const account = { canonicalId, accountId: access.accountId };
      return proveWebIdentity(iam, account, parameters.required("WebIdentityToken"));
    },
    target: roleTarget,
    run: async (call) => {
      const result = await assumed(call);
      const { identity, provider } = call.webIdentity ?? {};
      const Audience = identity?.audiences.find((name) => provider?.clientIds.includes(name));
      return {
        ...result,
        SubjectFromWebIdentityToken: identity?.subject,
        Audience,
        Provider: provider?.arn,
      };
    },
  },
};

async function roleTarget({ iam, parameters }: QueryCall) {
  const resource = parameters.required("RoleArn");
  return { resource, role: (await sessions.roleOfArn(iam, resource))?.access };
}

async function assumed({ iam, parameters, webIdentity }: QueryCall) {
  const found = await sessions.roleOfArn(iam, parameters.required("RoleArn"));
  // It was there when the gate looked at it.
  if (found === undefined) throw new S3Refusal("AccessDenied");
  const { role, canonicalId } = found;
  const sessionName = parameters.required("RoleSessionName");
  const session = await sessions.sessionOfRole(iam, {
    canonicalId,
    role,
    sessionName,
    seconds: parameters.number("DurationSeconds"),
    policy: parameters.optional("Policy"),
    policyArns: parameters.list("PolicyArns", ".arn"),
    provider: webIdentity?.provider.arn,
  });
  const Arn = `arn:aws:sts::${accountIdOf(canonicalId)}:assumed-role/${role.name}/${sessionName}`;
  return {
    Credentials: credentials(session),
    AssumedRoleUser: { AssumedRoleId: `${role.roleId}:${sessionName}`, Arn },
    PackedPolicySize: 0,
  };
}
