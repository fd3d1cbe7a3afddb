import { ConnectError } from "@connectrpc/connect";
import { ObjectError } from "../../../src/object/index.ts";
import { formatUploadId, parseUploadId } from "../../../src/object/upload-id.ts";
import { parsePageToken, toPageToken } from "../../../src/rpc/pages.ts";
import { S3Refusal } from "../../../src/s3/errors.ts";
import {
  CHECKSUM_ALGORITHMS,
  checksumOfHeaders,
  contentMd5,
  isChecksumValue,
} from "../../../src/s3/parse/checksum.ts";
import { readContinuationToken, writeContinuationToken } from "../../../src/s3/parse/continuation.ts";
import { parseCopySource } from "../../../src/s3/parse/copy-source.ts";
import { parseEtags, parseWhole } from "../../../src/s3/parse/fields.ts";
import { percentDecode, percentEncode, percentEncodePath } from "../../../src/s3/parse/percent.ts";
import { parseQuery } from "../../../src/s3/parse/query.ts";
import { parseRange } from "../../../src/s3/parse/range.ts";
import { broken, type FuzzTarget, latin1, refusable, same } from "../target.ts";

const REFUSALS = [S3Refusal, ObjectError, ConnectError];

/** One range, read the dumb way. */
function dumbRange(text: string): string {
  const parts = text.trim().split("=");
  const ends = (parts[1] ?? "").split("-");
  const isNumber = (end: string): boolean =>
    end.length <= 15 && [...end].every((digit) => digit >= "0" && digit <= "9");
  if (parts.length !== 2 || parts[0] !== "bytes" || ends.length !== 2 || !ends.every(isNumber)) return "all";
  const [first = "", last = ""] = ends;
  if (first === "") return last === "" ? "all" : `last ${Number(last)}`;
  if (last !== "" && Number(last) < Number(first)) return "all";
  return `${Number(first)} to ${last === "" ? "end" : Number(last)}`;
}

function range(text: string): string {
  const parsed = parseRange(text);
  let said = "all";
  if (parsed?.kind === "suffix") said = `last ${parsed.length}`;
  if (parsed?.kind === "from-to") said = `${parsed.first} to ${parsed.last ?? "end"}`;
  same(said, dumbRange(text), "a range");
  return said === "all" ? "whole" : said.slice(0, 4);
}

function tokens(text: string): string {
  const labels: string[] = [];
  for (const [read, write] of [
    [readContinuationToken, writeContinuationToken],
    [parsePageToken, toPageToken],
  ] as const) {
    const token = refusable(REFUSALS, () => read(text));
    labels.push(token.kind);
    if (token.kind === "value" && token.value !== "")
      same(read(write(token.value)), token.value, "a token that was written again");
    // The other way round: every name comes back as it was.
    if (text !== "" && text.isWellFormed()) same(read(write(text)), text, "a name that went through a token");
  }
  const upload = refusable(REFUSALS, () => parseUploadId(text));
  if (upload.kind === "value") same(formatUploadId(upload.value), text, "an upload id");
  return [...labels, upload.kind].join(" ");
}

function percent(text: string): string {
  const decoded = refusable(REFUSALS, () => percentDecode(text));
  if (decoded.kind === "refused") return decoded.label;
  same(percentDecode(percentEncode(decoded.value)), decoded.value, "encoded text");
  same(percentDecode(percentEncodePath(decoded.value)), decoded.value, "an encoded path");
  if (!/^[A-Za-z0-9._~%-]*$/.test(percentEncode(decoded.value)))
    broken("encoded text with characters that are not");
  const query = refusable(REFUSALS, () => parseQuery(text));
  return `text, ${query.kind === "value" ? query.value.size : query.label}`;
}

function checksums(text: string): string {
  const valid = CHECKSUM_ALGORITHMS.filter((algorithm) => isChecksumValue(algorithm, text, "refused"));
  for (const algorithm of valid) same(Buffer.from(text, "base64").toString("base64"), text, algorithm);
  const header = refusable(REFUSALS, () =>
    checksumOfHeaders(new Map([["x-amz-checksum-sha256", text]]), "allowed"),
  );
  const md5 = refusable(REFUSALS, () => contentMd5(new Map([["content-md5", text]])));
  return `${valid.join(" ")} ${header.kind} ${md5.kind}`;
}

function fields(text: string): string {
  const source = refusable(REFUSALS, () => parseCopySource(new Map([["x-amz-copy-source", text]])));
  const etags = parseEtags(text)?.length ?? 0;
  const whole = parseWhole(text);
  if (whole !== undefined && !Number.isSafeInteger(whole)) broken("a number that is not exact");
  return `${source.kind === "value" ? "source" : source.label}, ${Math.min(etags, 3)} etags, ${whole !== undefined}`;
}

const KINDS = [range, tokens, percent, checksums, fields];
const SAMPLES = [
  ["bytes=0-10", "bytes=-5", "bytes=7-", "bytes=5-2", "bytes=0-1,3-4"],
  [
    "\u00ef\u00bb\u00bfname",
    writeContinuationToken("photos/2024"),
    writeContinuationToken("\u{1F600}"),
    "AAAAAAAAAAAAAAAAAAAAAA",
  ],
  ["a%20b%2Fc+d", "list-type=2&prefix=a%C3%BC&x", "%F0%9F%98%80", "\u00fc"],
  ["AAAAAA==", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "1B2M2Y8AsgTpgAmY7PhCfg==", "AAAAAA==-3"],
  ["/bucket/key%20name?versionId=null", '"a", W/"b", *', "123"],
];

/** Header fields and parameters of S3 and the API's cursors. The first byte of an input chooses the field. */
export const s3Fields: FuzzTarget = {
  name: "s3-fields",
  maxBytes: 1500,
  dictionary: [
    "bytes=",
    "-",
    ",",
    "%",
    "%EF%BB%BF",
    Uint8Array.of(0xef, 0xbb, 0xbf),
    "77u_",
    "Ae-7v2E",
    "=",
    "==",
    "/",
    "?",
    "W/",
    '"',
    "999999999999999",
    "arn:",
  ],
  seeds: () =>
    SAMPLES.flatMap((samples, kind) =>
      samples.map((sample) => Buffer.from(String.fromCharCode(kind) + sample, "latin1")),
    ),
  property: (input) => {
    const number = (input[0] ?? 0) % KINDS.length;
    // Fields come as bytes; names that go through tokens are text.
    const bytes = input.subarray(1);
    return `${number}: ${KINDS[number]!(number === 1 ? Buffer.from(bytes).toString("utf8") : latin1(bytes))}`;
  },
  large: [
    (sizeBytes) => Buffer.from(`\u0004${'"a",'.repeat(sizeBytes / 4)}`),
    (sizeBytes) => Buffer.from(`\u0002${"%20".repeat(sizeBytes / 3)}`),
  ],
};
