import type { Role } from "../access/index.ts";

/** What one S3 operation is to the gate. */
export interface OperationRow {
  /** As IAM policies name it. */
  readonly action: string;
  readonly leastRole: Role;
  readonly resource: "service" | "bucket" | "object";
  /** What is not supported is answered with 501, after the gate. */
  readonly supported: boolean;
}

type Resource = OperationRow["resource"];

export function supported(
  resource: Resource,
  leastRole: Role,
  action: string,
): OperationRow & { supported: true } {
  return { action: `s3:${action}`, leastRole, resource, supported: true };
}

export function unsupported(
  resource: Resource,
  leastRole: Role,
  action: string,
): OperationRow & { supported: false } {
  return { action: `s3:${action}`, leastRole, resource, supported: false };
}
