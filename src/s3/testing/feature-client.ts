import { S3Client } from "@aws-sdk/client-s3";
import { sha256Hex } from "../auth/hmac.ts";
import { RawConnection, type RawResponse, rawHead } from "./raw-http.ts";
import { type Rig, WRITER } from "./rig.ts";
import { signRequest } from "./sign.ts";

type Credentials = typeof WRITER;

/** The AWS SDK against a rig, without its retries. */
export function clientOf(rig: Rig, credentials: Credentials = WRITER): S3Client {
  return new S3Client({
    endpoint: rig.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
  });
}

export interface Failure {
  readonly name: string;
  readonly status: number | undefined;
}

/** What a call was refused with. */
export function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => ({ name: "succeeded", status: undefined }),
    (error: { name: string; $metadata?: { httpStatusCode?: number } }) => ({
      name: error.name,
      status: error.$metadata?.httpStatusCode,
    }),
  );
}

/** One signed request, exactly as given. */
export async function sendRaw(
  rig: Rig,
  request: {
    readonly method: string;
    /** Path and query, encoded. */
    readonly target: string;
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly credentials?: Credentials;
  },
): Promise<RawResponse> {
  const { method, target, body = "", credentials = WRITER } = request;
  const bytes = Buffer.from(body, "utf8");
  const signed = signRequest({
    method,
    target,
    headers: { host: `${rig.address.host}:${rig.address.port}`, ...request.headers },
    payloadHash: sha256Hex(bytes),
    credentials,
    nowMs: Date.now(),
  });
  const connection = new RawConnection(rig.address);
  try {
    const head = rawHead(method, target, { ...signed.headers, "Content-Length": String(bytes.length) });
    return await connection
      .write(head)
      .write(bytes)
      .response({ head: method === "HEAD" });
  } finally {
    connection.socket.destroy();
  }
}

/** The code in an error document, or the status where there is none. */
export function errorCodeOf(response: RawResponse): string {
  return /<Code>(.*)<\/Code>/.exec(response.body)?.[1] ?? `status ${response.status}`;
}
