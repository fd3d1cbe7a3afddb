import type { RequestHeaders } from "../http.ts";
import type { QueryParameters } from "../parse/query.ts";
import { canonicalPath, canonicalQuery, canonicalRequest, signedHeadersOf } from "./canonical-request.ts";
import { deriveSigningKey, sha256Hex } from "./hmac.ts";

export interface RequestToSign {
  readonly method: string;
  /** "example.com:9000". */
  readonly host: string;
  /** Not encoded, from "/" on. */
  readonly path: string;
  readonly query: QueryParameters;
  /** Names in lower case; all are signed. */
  readonly headers: RequestHeaders;
  /** SHA-256 of the body in hexadecimal digits, or "UNSIGNED-PAYLOAD". */
  readonly payloadHash: string;
}

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secret: string;
  readonly region: string;
}

/** What goes on the wire: the target with its query, and all headers. */
export interface SignedRequest {
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs a request to another S3 service, as its client: SigV4 in headers, by what verifies those of our own clients. */
export function signRequest(
  request: RequestToSign,
  { accessKeyId, secret, region }: SigningCredentials,
  nowMs: number,
): SignedRequest {
  const amzDate = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const date = amzDate.slice(0, 8);
  const headers = new Map([
    ...request.headers,
    ["host", request.host],
    ["x-amz-content-sha256", request.payloadHash],
    ["x-amz-date", amzDate],
  ]);
  const signedHeaders = [...headers.keys()].sort().join(";");
  const path = canonicalPath(request.path);
  const canonical = canonicalRequest({
    ...request,
    path,
    headers,
    signedHeaders: signedHeadersOf(signedHeaders),
  });
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256Hex(canonical)}`;
  const signature = deriveSigningKey(secret, date, region, "s3").hmacHex(text);
  const query = canonicalQuery(request.query);
  return {
    target: query === "" ? path : `${path}?${query}`,
    headers: {
      ...Object.fromEntries(headers),
      authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    },
  };
}
