/** Signs the load generator's requests: a second, small implementation, so that the gateway is not measured with its own code. */
import { createHash, createHmac } from "node:crypto";

export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The head of a request with an unsigned payload, signed in the header. */
export function signedHead(
  credentials: Credentials,
  request: {
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly contentLength?: number;
  },
): Buffer {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const date = stamp.slice(0, 8);
  const scope = `${date}/${credentials.region}/s3/aws4_request`;
  const names = "host;x-amz-content-sha256;x-amz-date";
  const canonical = [
    request.method,
    request.path,
    "",
    `host:${request.host}`,
    "x-amz-content-sha256:UNSIGNED-PAYLOAD",
    `x-amz-date:${stamp}`,
    "",
    names,
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n");
  const dateKey = hmac(`AWS4${credentials.secretKey}`, date);
  const signingKey = hmac(hmac(hmac(dateKey, credentials.region), "s3"), "aws4_request");
  const signature = createHmac("sha256", signingKey).update(toSign).digest("hex");
  const lines = [
    `${request.method} ${request.path} HTTP/1.1`,
    `host: ${request.host}`,
    "x-amz-content-sha256: UNSIGNED-PAYLOAD",
    `x-amz-date: ${stamp}`,
    `authorization: AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    ...(request.contentLength === undefined ? [] : [`content-length: ${request.contentLength}`]),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
