import { sha256Hex } from "../auth/hmac.ts";
import { QUERY_OPERATIONS } from "../query/operations.ts";
import { RawConnection, type RawResponse, rawHead } from "./raw-http.ts";
import type { Rig } from "./rig.ts";
import { signRequest } from "./sign.ts";

export interface Caller {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Asked {
  readonly caller: Caller;
  readonly action: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Whose call it is signed for; undefined: as it should be. */
  readonly service?: string;
  /** Instead of the form. */
  readonly body?: string;
}

/** One signed call of IAM or STS. */
export async function ask(rig: Rig, asked: Asked): Promise<RawResponse> {
  const { caller, action, parameters = {} } = asked;
  const body = asked.body ?? new URLSearchParams({ Action: action, ...parameters }).toString();
  const bytes = Buffer.from(body, "utf8");
  const token = caller.sessionToken;
  const signed = signRequest({
    method: "POST",
    target: "/",
    headers: {
      host: `${rig.address.host}:${rig.address.port}`,
      "content-type": "application/x-www-form-urlencoded",
      ...(token !== undefined && { "x-amz-security-token": token }),
    },
    payloadHash: sha256Hex(bytes),
    credentials: caller,
    nowMs: Date.now(),
    service: asked.service ?? QUERY_OPERATIONS[action]?.service ?? "iam",
  });
  const connection = new RawConnection(rig.address);
  try {
    const head = rawHead("POST", "/", { ...signed.headers, "Content-Length": String(bytes.length) });
    return await connection.write(head).write(bytes).response();
  } finally {
    connection.socket.destroy();
  }
}

/** "ok", or the code of the refusal. */
export function outcomeOf(response: RawResponse): string {
  return response.status === 200
    ? "ok"
    : (/<Code>(.*?)<\/Code>/.exec(response.body)?.[1] ?? `status ${response.status}`);
}

/** The first element of this name. */
export function element(response: RawResponse, name: string): string | undefined {
  return new RegExp(`<${name}>(.*?)</${name}>`).exec(response.body)?.[1];
}

export function elements(response: RawResponse, name: string): readonly string[] {
  return [...response.body.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "g"))].map(
    (match) => match[1] ?? "",
  );
}
