import type { SignatureChain } from "../auth/authenticate.ts";
import { canonicalPath, canonicalRequest, signedHeadersOf } from "../auth/canonical-request.ts";
import { deriveSigningKey, sha256Hex } from "../auth/hmac.ts";
import { formatAmzDate } from "../auth/signature-claim.ts";
import { percentDecode } from "../parse/percent.ts";
import { parseQuery } from "../parse/query.ts";

export interface SignInput {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  /** In lower case; "host" among them. All of them are signed but those in `unsigned`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly payloadHash: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly nowMs: number;
  readonly region?: string;
  /** "s3" without a word. */
  readonly service?: string;
  readonly unsigned?: readonly string[];
  /** Of a client that signs another spelling of the path than the canonical one. */
  readonly signedPath?: string;
}

export interface Signed {
  readonly headers: Readonly<Record<string, string>>;
  readonly chain: SignatureChain;
}

/** Signs as a client does: for tests of what clients can send. AWS's published examples hold it, and us, to SigV4. */
export function signRequest(input: SignInput): Signed {
  const amzDate = formatAmzDate(input.nowMs);
  const date = amzDate.slice(0, 8);
  const region = input.region ?? "us-east-1";
  const service = input.service ?? "s3";
  const scope = `${date}/${region}/${service}/aws4_request`;
  const headers: Record<string, string> = {
    ...input.headers,
    "x-amz-date": amzDate,
    "x-amz-content-sha256": input.payloadHash,
  };
  const unsigned = new Set(input.unsigned);
  const signedHeaders = Object.keys(headers)
    .filter((name) => !unsigned.has(name))
    .sort()
    .join(";");
  const [path = "/", query = ""] = input.target.split("?");
  const canonical = canonicalRequest({
    method: input.method,
    path: input.signedPath ?? canonicalPath(percentDecode(path)),
    query: parseQuery(query),
    headers: new Map(Object.entries(headers)),
    signedHeaders: signedHeadersOf(signedHeaders),
    payloadHash: input.payloadHash,
  });
  const key = deriveSigningKey(input.credentials.secretAccessKey, date, region, service);
  const signature = key.hmacHex(`AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256Hex(canonical)}`);
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${input.credentials.accessKeyId}/${scope},SignedHeaders=${signedHeaders},Signature=${signature}`;
  return { headers, chain: { key, amzDate, scope, seedSignature: signature } };
}

/** An aws-chunked body. With a chain, every chunk (and the trailer) is signed. */
export function encodeAwsChunked(
  chunks: readonly Uint8Array[],
  options: {
    readonly chain?: SignatureChain;
    readonly trailer?: { readonly name: string; readonly value: string };
  } = {},
): Uint8Array {
  const { chain, trailer } = options;
  const out: Uint8Array[] = [];
  let previous = chain?.seedSignature ?? "";
  for (const chunk of [...chunks, new Uint8Array(0)]) {
    let extension = "";
    if (chain !== undefined) {
      previous = chain.key.hmacHex(
        `AWS4-HMAC-SHA256-PAYLOAD\n${chain.amzDate}\n${chain.scope}\n${previous}\n${sha256Hex("")}\n${sha256Hex(chunk)}`,
      );
      extension = `;chunk-signature=${previous}`;
    }
    out.push(Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`), chunk);
    if (chunk.length > 0) out.push(Buffer.from("\r\n"));
  }
  if (trailer !== undefined) {
    out.push(Buffer.from(`${trailer.name}:${trailer.value}\r\n`));
    if (chain !== undefined) {
      const hash = sha256Hex(`${trailer.name}:${trailer.value}\n`);
      const signature = chain.key.hmacHex(
        `AWS4-HMAC-SHA256-TRAILER\n${chain.amzDate}\n${chain.scope}\n${previous}\n${hash}`,
      );
      out.push(Buffer.from(`x-amz-trailer-signature:${signature}\r\n`));
    }
  }
  out.push(Buffer.from("\r\n"));
  return Buffer.concat(out);
}
