import { MAX_KEY_BYTES } from "../../object/index.ts";
import { S3Refusal } from "../errors.ts";
import { percentDecode } from "./percent.ts";
import { parseQuery, type QueryParameters } from "./query.ts";

/** Where a request goes: the service ("/"), a bucket or an object in it. */
export interface RequestTarget {
  /** The path as it was sent, still encoded: what the signature covers. */
  readonly rawPath: string;
  /** The path decoded. */
  readonly path: string;
  readonly query: QueryParameters;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
}

/**
 * Splits a request target into bucket, key and parameters. The bucket is in the host name when that is a direct child of one of
 * `baseDomains` ("photos.s3.example.com"), else it is the first segment of the path. Keys are kept byte by byte: "." and "..", empty segments
 * and trailing slashes have no meaning in S3. Refuses "InvalidURI", "InvalidBucketName" and "KeyTooLongError".
 */
export function parseTarget(target: string, host: string, baseDomains: readonly string[]): RequestTarget {
  const origin = originForm(target);
  const question = origin.indexOf("?");
  const rawPath = question < 0 ? origin : origin.slice(0, question);
  const query = parseQuery(question < 0 ? "" : origin.slice(question + 1));
  const path = percentDecode(rawPath);
  const inHost = hostBucket(host, baseDomains);
  if (inHost !== undefined) {
    return { rawPath, path, query, bucket: checkBucket(inHost), key: checkKey(path.slice(1)) };
  }
  if (path === "/") return { rawPath, path, query, bucket: undefined, key: undefined };
  const slash = path.indexOf("/", 1);
  const bucket = checkBucket(slash < 0 ? path.slice(1) : path.slice(1, slash));
  return { rawPath, path, query, bucket, key: slash < 0 ? undefined : checkKey(path.slice(slash + 1)) };
}

/** "/path?query", also where a proxy sent the absolute form. */
function originForm(target: string): string {
  if (target.startsWith("/")) return target;
  const scheme = /^https?:\/\/[^/?]*/i.exec(target)?.[0];
  if (scheme === undefined) throw new S3Refusal("InvalidURI");
  const rest = target.slice(scheme.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** What stands before one of `domains` in a host name, which may have a port. */
export function hostBucket(host: string, baseDomains: readonly string[]): string | undefined {
  if (baseDomains.length === 0 || host === "") return undefined;
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  for (const domain of baseDomains) {
    if (
      name.length > domain.length + 1 &&
      name.endsWith(domain) &&
      name[name.length - domain.length - 1] === "."
    ) {
      return name.slice(0, name.length - domain.length - 1);
    }
  }
  return undefined;
}

const MAX_BUCKET_NAME_LENGTH = 255;

/**
 * Names that no bucket can have are refused here, whatever the operation; the exact rules for new ones are `object`'s. Upper case and
 * underscores were allowed once and simply are not found.
 */
function checkBucket(name: string): string {
  if (name.length === 0 || name.length > MAX_BUCKET_NAME_LENGTH) throw badBucket(name);
  for (let index = 0; index < name.length; index += 1) {
    const code = name.charCodeAt(index);
    const allowed =
      (code >= 0x61 && code <= 0x7a) ||
      (code >= 0x30 && code <= 0x39) ||
      (code >= 0x41 && code <= 0x5a) ||
      code === 0x2d ||
      code === 0x2e ||
      code === 0x5f;
    if (!allowed) throw badBucket(name);
  }
  return name;
}

function badBucket(name: string): S3Refusal {
  return new S3Refusal("InvalidBucketName", undefined, { BucketName: name.slice(0, MAX_BUCKET_NAME_LENGTH) });
}

const BYTES_PER_CHARACTER = 3;

/** An empty key is the bucket itself. */
function checkKey(key: string): string | undefined {
  if (key === "") return undefined;
  if (key.length * BYTES_PER_CHARACTER > MAX_KEY_BYTES && Buffer.byteLength(key, "utf8") > MAX_KEY_BYTES) {
    throw new S3Refusal("KeyTooLongError", undefined, {
      Size: String(Buffer.byteLength(key, "utf8")),
      MaxSizeAllowed: String(MAX_KEY_BYTES),
    });
  }
  return key;
}
