import type { Operation } from "../access/index.ts";

/** The rows of the Connect services, named by service and method: what has no row is refused. */
export const RPC_OPERATIONS = [
  {
    name: "BucketService/CreateBucket",
    action: "storage:CreateBucket",
    leastRole: "writer",
    resource: "bucket",
  },
  {
    name: "BucketService/ListBuckets",
    action: "storage:ListBuckets",
    leastRole: "reader",
    resource: "service",
  },
  { name: "BucketService/GetBucket", action: "storage:GetBucket", leastRole: "reader", resource: "bucket" },
  {
    name: "BucketService/DeleteBucket",
    action: "storage:DeleteBucket",
    leastRole: "writer",
    resource: "bucket",
  },
  { name: "ObjectService/PutObject", action: "storage:PutObject", leastRole: "writer", resource: "object" },
  { name: "ObjectService/GetObject", action: "storage:GetObject", leastRole: "reader", resource: "object" },
  { name: "ObjectService/HeadObject", action: "storage:GetObject", leastRole: "reader", resource: "object" },
  {
    name: "ObjectService/DeleteObject",
    action: "storage:DeleteObject",
    leastRole: "writer",
    resource: "object",
  },
  { name: "ObjectService/CopyObject", action: "storage:PutObject", leastRole: "writer", resource: "object" },
  {
    name: "ObjectService/ListObjects",
    action: "storage:ListObjects",
    leastRole: "reader",
    resource: "bucket",
  },
  { name: "KeyService/CreateKey", action: "admin:CreateKey", leastRole: "admin", resource: "key" },
  { name: "KeyService/ListKeys", action: "admin:ListKeys", leastRole: "admin", resource: "key" },
  { name: "KeyService/RevokeKey", action: "admin:RevokeKey", leastRole: "admin", resource: "key" },
  { name: "UserService/CreateUser", action: "admin:CreateUser", leastRole: "admin", resource: "cluster" },
  { name: "UserService/ListUsers", action: "admin:ListUsers", leastRole: "admin", resource: "cluster" },
  { name: "UserService/RemoveUser", action: "admin:RemoveUser", leastRole: "admin", resource: "cluster" },
  {
    name: "EncryptionKeyService/CreateEncryptionKey",
    action: "admin:CreateEncryptionKey",
    leastRole: "admin",
    resource: "cluster",
  },
  {
    name: "EncryptionKeyService/ListEncryptionKeys",
    action: "admin:ListEncryptionKeys",
    leastRole: "admin",
    resource: "cluster",
  },
  {
    name: "EncryptionKeyService/RotateEncryptionKey",
    action: "admin:RotateEncryptionKey",
    leastRole: "admin",
    resource: "cluster",
  },
  { name: "ClusterService/GetStatus", action: "admin:GetStatus", leastRole: "reader", resource: "cluster" },
  {
    name: "ClusterService/CreateJoinToken",
    action: "admin:CreateJoinToken",
    leastRole: "admin",
    resource: "cluster",
  },
  { name: "ClusterService/DrainNode", action: "admin:DrainNode", leastRole: "admin", resource: "cluster" },
  { name: "ClusterService/RemoveNode", action: "admin:RemoveNode", leastRole: "admin", resource: "cluster" },
  {
    name: "ClusterService/TransferLeadership",
    action: "admin:TransferLeadership",
    leastRole: "admin",
    resource: "cluster",
  },
] as const satisfies readonly Operation[];

export type RpcOperationName = (typeof RPC_OPERATIONS)[number]["name"];
