/**
 * Policies in the native form, version v1 ("statements" with buckets and prefixes), as the AWS form that is stored and shown. What has no
 * counterpart there is refused.
 */

import { AccessError } from "../errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./strict-json.ts";

const ROOT_MEMBERS: ReadonlySet<string> = new Set(["version", "statements"]);
const STATEMENT_MEMBERS: ReadonlySet<string> = new Set(["effect", "actions", "resources", "conditions"]);
const RESOURCE_MEMBERS: ReadonlySet<string> = new Set(["bucket", "prefix"]);

/** Names of the native form, in lower case, as actions. */
const ACTIONS: ReadonlyMap<string, string> = new Map([
  ["*", "s3:*"],
  ["listbuckets", "s3:ListAllMyBuckets"],
  ["listbucket", "s3:ListBucket"],
  ["listbucketversions", "s3:ListBucketVersions"],
  ["getbucketlocation", "s3:GetBucketLocation"],
  ["getbucketpolicy", "s3:GetBucketPolicy"],
  ["putbucketpolicy", "s3:PutBucketPolicy"],
  ["deletebucketpolicy", "s3:DeleteBucketPolicy"],
  ["getbucketversioning", "s3:GetBucketVersioning"],
  ["putbucketversioning", "s3:PutBucketVersioning"],
  ["getobject", "s3:GetObject"],
  ["headobject", "s3:GetObject"],
  ["putobject", "s3:PutObject"],
  ["deleteobject", "s3:DeleteObject"],
  ["deletebucket", "s3:DeleteBucket"],
  ["copyobject", "s3:PutObject"],
  ["createmultipartupload", "s3:PutObject"],
  ["uploadpart", "s3:PutObject"],
  ["completemultipartupload", "s3:PutObject"],
  ["abortmultipartupload", "s3:AbortMultipartUpload"],
  ["listmultipartuploads", "s3:ListBucketMultipartUploads"],
  ["listmultipartparts", "s3:ListMultipartUploadParts"],
]);

/** Headers that a condition may name, as condition keys. */
const HEADER_KEYS: ReadonlyMap<string, string> = new Map([
  ["referer", "aws:Referer"],
  ["user-agent", "aws:UserAgent"],
  ["x-amz-acl", "s3:x-amz-acl"],
  ["x-amz-copy-source", "s3:x-amz-copy-source"],
  ["x-amz-metadata-directive", "s3:x-amz-metadata-directive"],
  ["x-amz-storage-class", "s3:x-amz-storage-class"],
  ["x-amz-content-sha256", "s3:x-amz-content-sha256"],
  ["x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"],
]);

/** Whether a document is of the native form; nothing of it is checked yet. */
export function isNativePolicy(root: JsonValue): root is JsonObject {
  return isJsonObject(root) && root.statements !== undefined;
}

/** The AWS form, for the bucket that it is put on. Throws AccessError "policy-malformed". */
export function fromNativePolicy(root: JsonObject, bucket: string): JsonObject {
  refuseOthers(root, ROOT_MEMBERS);
  if (root.version !== "v1") throw malformed('version is "v1"');
  return {
    Version: "2012-10-17",
    Statement: objects(root.statements, "statements").map((statement) => statementOf(statement, bucket)),
  };
}

function statementOf(statement: JsonObject, bucket: string): JsonObject {
  refuseOthers(statement, STATEMENT_MEMBERS);
  const { effect } = statement;
  if (effect !== "allow" && effect !== "deny") throw malformed("effect is allow or deny");
  const actions = texts(statement.actions, "actions").map(actionOf);
  const resources = objects(statement.resources, "resources").flatMap((resource) =>
    resourceOf(resource, bucket),
  );
  const condition = conditionOf(statement.conditions);
  return {
    Effect: effect === "allow" ? "Allow" : "Deny",
    Principal: "*",
    Action: [...new Set(actions)],
    Resource: [...new Set(resources)],
    ...(condition !== undefined && { Condition: condition }),
  };
}

function actionOf(name: string): string {
  const action = ACTIONS.get(name.toLowerCase().replace(/^s3:/, ""));
  if (action === undefined) throw malformed(`there is no action "${name.slice(0, 64)}"`);
  return action;
}

/** A prefix reaches objects only; without one the bucket itself is meant as well. */
function resourceOf(resource: JsonObject, bucket: string): readonly string[] {
  refuseOthers(resource, RESOURCE_MEMBERS);
  const { bucket: name, prefix = "" } = resource;
  if (name !== "*" && name !== bucket) throw malformed("a resource names another bucket");
  if (typeof prefix !== "string") throw malformed("a prefix is a string");
  const arn = `arn:aws:s3:::${bucket}`;
  return prefix === "" ? [arn, `${arn}/*`] : [`${arn}/${literal(prefix)}*`];
}

/** All of them must hold. */
function conditionOf(value: JsonValue | undefined): JsonObject | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw malformed("conditions is an object");
  const operators: Record<string, Record<string, JsonValue>> = {};
  for (const [name, wanted] of Object.entries(value)) {
    for (const [operator, key, one] of conditionsOf(name, wanted, value)) {
      operators[operator] ??= {};
      operators[operator][key] = one;
    }
  }
  return Object.keys(operators).length === 0 ? undefined : operators;
}

/** The operator, the key and the value of one condition of the native form. */
function conditionsOf(
  name: string,
  wanted: JsonValue,
  all: JsonObject,
): readonly (readonly [string, string, JsonValue])[] {
  switch (name) {
    case "source_ip":
      return [["IpAddress", "aws:SourceIp", texts(wanted, name)]];
    case "before":
      return [["DateLessThan", "aws:CurrentTime", text(wanted, name)]];
    case "after":
      return [["DateGreaterThan", "aws:CurrentTime", text(wanted, name)]];
    case "secure_transport":
      return [["Bool", "aws:SecureTransport", flag(wanted, name) ? "true" : "false"]];
    case "delimiter":
      return [["StringEquals", "s3:delimiter", literal(text(wanted, name))]];
    case "prefix_like":
      flag(wanted, name);
      return [];
    case "prefix": {
      const prefix = literal(text(wanted, name));
      const isStart = all.prefix_like !== undefined && flag(all.prefix_like, "prefix_like");
      return [isStart ? ["StringLike", "s3:prefix", `${prefix}*`] : ["StringEquals", "s3:prefix", prefix]];
    }
    case "headers":
      return headerConditions(wanted);
    default:
      throw malformed(`there is no condition "${name.slice(0, 64)}"`);
  }
}

function headerConditions(wanted: JsonValue): readonly (readonly [string, string, JsonValue])[] {
  if (!isJsonObject(wanted)) throw malformed("headers is an object");
  return Object.entries(wanted).map(([header, value]) => {
    const key = HEADER_KEYS.get(header.toLowerCase());
    if (key === undefined) throw malformed(`no condition can ask for the header "${header.slice(0, 64)}"`);
    return ["StringEquals", key, literal(text(value, header))];
  });
}

/** Signs of the AWS form stand for themselves. */
function literal(value: string): string {
  return value.replace(/[*?$]/g, (sign) => `\${${sign}}`);
}

function text(value: JsonValue, what: string): string {
  if (typeof value !== "string") throw malformed(`${what.slice(0, 64)} is a string`);
  return value;
}

function flag(value: JsonValue, what: string): boolean {
  if (typeof value !== "boolean") throw malformed(`${what} is true or false`);
  return value;
}

function texts(value: JsonValue | undefined, what: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) throw malformed(`${what} is a list that is not empty`);
  return (value as readonly JsonValue[]).map((item) => text(item, `a member of ${what}`));
}

function objects(value: JsonValue | undefined, what: string): readonly JsonObject[] {
  if (!Array.isArray(value) || value.length === 0) throw malformed(`${what} is a list that is not empty`);
  return (value as readonly JsonValue[]).map((item) => {
    if (!isJsonObject(item)) throw malformed(`a member of ${what} is an object`);
    return item;
  });
}

function refuseOthers(value: JsonObject, allowed: ReadonlySet<string>): void {
  for (const name of Object.keys(value)) {
    if (!allowed.has(name)) throw malformed(`the native form has no member "${name.slice(0, 64)}"`);
  }
}

function malformed(message: string): AccessError {
  return new AccessError("policy-malformed", message);
}
