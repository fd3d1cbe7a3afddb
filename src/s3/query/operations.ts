import type { Operation } from "../../access/index.ts";
import { GROUP_OPERATIONS } from "./groups.ts";
import { HOLDER_OPERATIONS } from "./holder-policies.ts";
import type { QueryTable } from "./operation.ts";
import { POLICY_OPERATIONS } from "./policies.ts";
import { PROVIDER_OPERATIONS } from "./providers.ts";
import { ROLE_OPERATIONS } from "./roles.ts";
import { STS_OPERATIONS } from "./sts.ts";
import { USER_OPERATIONS } from "./users.ts";

/** Every call of IAM and STS that is answered, by its Action. */
export const QUERY_OPERATIONS: QueryTable = {
  ...USER_OPERATIONS,
  ...GROUP_OPERATIONS,
  ...ROLE_OPERATIONS,
  ...HOLDER_OPERATIONS,
  ...POLICY_OPERATIONS,
  ...PROVIDER_OPERATIONS,
  ...STS_OPERATIONS,
};

/** "iam:CreateUser": as policies, the gate, metrics and audit name it. */
export type QueryName = `${"iam" | "sts"}:${string}`;

export function queryName(action: string, { service }: { readonly service: "iam" | "sts" }): QueryName {
  return `${service}:${action}`;
}

/** The rows as the gate takes them. */
export const queryOperationRows: readonly Operation[] = Object.entries(QUERY_OPERATIONS).map(
  ([action, operation]) => {
    const name = queryName(action, operation);
    return { name, action: name, leastRole: operation.leastRole, resource: operation.resource };
  },
);
