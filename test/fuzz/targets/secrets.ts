import { AccessError } from "../../../src/access/errors.ts";
import { createSealer } from "../../../src/access/seal.ts";
import { createPrng } from "../../../src/base/index.ts";
import { ClusterError } from "../../../src/cluster/errors.ts";
import { formatJoinToken, parseJoinToken } from "../../../src/cluster/join-token.ts";
import { parseLine } from "../../../src/observe/audit/record.ts";
import { hasher } from "../../../src/segment/testing/harness.ts";
import { broken, type FuzzTarget, refusable, same, text, utf8 } from "../target.ts";

const SEALER = createSealer({
  keyEncryptionKey: new Uint8Array(32).fill(3),
  randomBytes: (length) => createPrng("secrets").bytes(length),
});
const SECRET = text("a secret");
const SEALED = SEALER.seal(SECRET, "key/1/secret");
const TOKEN = formatJoinToken({ secret: new Uint8Array(32).fill(9), caFingerprint: "ab".repeat(32) });
const LINE = `{"sequence":1,"at":"2026-01-01T00:00:00.000Z","action":"x","hash":"${"0".repeat(64)}"}`;

/** Sealed secrets, join tokens and lines of the audit log: nothing forged is taken for one of ours. */
export const secrets: FuzzTarget = {
  name: "secrets",
  maxBytes: 1024,
  dictionary: ["skj_", ".", '"hash":"', '"sequence":', '"format":"skerry-audit/1"', " "],
  seeds: () => [SEALED, text(TOKEN), text(LINE)],
  property: (input) => {
    const opened = refusable([AccessError], () => SEALER.open(input, "key/1/secret"));
    if (opened.kind === "value" && !Buffer.from(input).equals(SEALED)) broken("a forged secret was opened");
    const token = refusable([ClusterError], () => parseJoinToken(utf8(input)));
    if (token.kind === "value") same(formatJoinToken(token.value), utf8(input).trim(), "a join token");
    const line = parseLine(utf8(input));
    if (line?.follows(new Uint8Array(32), hasher) === true) broken("a forged line of the audit log");
    return (
      [opened, token].map((found) => (found.kind === "value" ? "ours" : found.label)).join(", ") +
      (line === undefined ? "" : ", a line")
    );
  },
};
