import { decodeAcl, encodeAcl } from "../../../src/access/acl.ts";
import { AccessError } from "../../../src/access/errors.ts";
import { createSealer } from "../../../src/access/seal.ts";
import { mintSession, openSession } from "../../../src/access/session.ts";
import { readWebToken, verifyWebToken } from "../../../src/access/web-token.ts";
import { createPrng } from "../../../src/base/index.ts";
import { S3Refusal } from "../../../src/s3/errors.ts";
import { readParameters } from "../../../src/s3/query/parameters.ts";
import { broken, type FuzzTarget, latin1, refusable, same, text, utf8 } from "../target.ts";

const random = createPrng("identity-api");
const SEALER = createSealer({
  keyEncryptionKey: new Uint8Array(32).fill(5),
  randomBytes: (length) => random.bytes(length),
});
const SESSION = mintSession(
  { issuedAtMs: 0, expiresAtMs: 1, canonicalId: "c", subject: { kind: "account" } },
  SEALER,
  (length) => random.bytes(length),
);
const ACL = encodeAcl([
  { grantee: { kind: "group", group: "AllUsers" }, permission: "READ" },
  { grantee: { kind: "owner", id: "c".repeat(64) }, permission: "FULL_CONTROL" },
]);

/** Forms of IAM and STS are read as every other reader of forms does, or refused; lists come back as they were; no token is forged. */
export const identityApi: FuzzTarget = {
  name: "identity-api",
  maxBytes: 4096,
  dictionary: [
    "Action=",
    "&",
    "=",
    "+",
    "%20",
    "%",
    "%ff",
    ".member.1",
    ".Key",
    "[",
    '"READ"',
    '"AllUsers"',
    "\u0001",
  ],
  seeds: () => [
    text("Action=CreateUser&UserName=a%20b&Tags.member.1.Key=k&Tags.member.1.Value=v+w&Version=2010-05-08"),
    text(SESSION.token),
    text("eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2kiLCJzdWIiOiJzIn0.AAAA"),
    ACL,
  ],
  property: (input) => {
    const form = refusable([S3Refusal], () => readParameters(input));
    if (form.kind === "value") {
      // A question mark at the beginning is a URL's to that reader.
      const others = new URLSearchParams(`?${utf8(input)}`);
      for (const [name, value] of others) same(form.value.optional(name), value, `the parameter ${name}`);
    }
    const acl = refusable([AccessError], () => decodeAcl(input));
    if (acl.kind === "value") same(decodeAcl(encodeAcl(acl.value)), acl.value, "a list");
    const session = refusable([AccessError], () => openSession(SESSION.keyId, latin1(input), SEALER));
    if (session.kind === "value" && latin1(input) !== SESSION.token) broken("a forged token was opened");
    // Whatever is no token of an issuer is none, and nobody has signed it.
    const token = readWebToken(latin1(input));
    if (token !== undefined) {
      const verdict = verifyWebToken(token, { keys: [], clientIds: ["app"], nowMs: 0 });
      if (verdict.kind !== "unknown-key") broken("a token was believed without a key");
    }
    return [form, acl, session].map((found) => (found.kind === "value" ? "ours" : found.label)).join(", ");
  },
};
