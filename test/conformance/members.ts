import { sha256Hex } from "../../src/s3/auth/hmac.ts";
import { signRequest } from "../../src/s3/testing/sign.ts";
import type { SuiteUser } from "./skerry-node.ts";

/** The name that the suite knows it by: where Ceph has ids, IAM has names. */
const MEMBER_NAME = "alt";

/** An IAM user of `owner`'s account with this policy, made through IAM over plain HTTP. Throws when IAM refuses. */
export async function makeMember(s3Port: number, owner: SuiteUser, policy: object): Promise<SuiteUser> {
  const call = (action: string, parameters: Record<string, string>): Promise<string> =>
    callIam(s3Port, owner, new URLSearchParams({ Action: action, ...parameters }).toString());
  await call("CreateUser", { UserName: MEMBER_NAME });
  await call("PutUserPolicy", {
    UserName: MEMBER_NAME,
    PolicyName: "from-the-start",
    PolicyDocument: JSON.stringify(policy),
  });
  const key = await call("CreateAccessKey", { UserName: MEMBER_NAME });
  const [, accessKey = ""] = /<AccessKeyId>(.*?)<\/AccessKeyId>/.exec(key) ?? [];
  const [, secretKey = ""] = /<SecretAccessKey>(.*?)<\/SecretAccessKey>/.exec(key) ?? [];
  return { accessKey, secretKey, id: MEMBER_NAME, displayName: owner.displayName, email: owner.email };
}

async function callIam(s3Port: number, caller: SuiteUser, body: string): Promise<string> {
  const host = `127.0.0.1:${s3Port}`;
  const { headers } = signRequest({
    method: "POST",
    target: "/",
    headers: { host, "content-type": "application/x-www-form-urlencoded" },
    payloadHash: sha256Hex(Buffer.from(body, "utf8")),
    credentials: { accessKeyId: caller.accessKey, secretAccessKey: caller.secretKey },
    nowMs: Date.now(),
    service: "iam",
  });
  const answer = await fetch(`http://${host}/`, { method: "POST", headers, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`IAM answered ${answer.status}: ${text}`);
  return text;
}
