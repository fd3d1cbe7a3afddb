import { ObjectError } from "../../../src/object/index.ts";
import { S3Refusal } from "../../../src/s3/errors.ts";
import { boundaryOf, FormReader } from "../../../src/s3/post/form-reader.ts";
import { checkLength, checkPolicy, type PostPolicy, parsePolicy } from "../../../src/s3/post/policy.ts";
import { broken, type FuzzTarget, latin1, refusable, refusalLabel, same, text } from "../target.ts";

const REFUSALS = [S3Refusal, ObjectError];
const BOUNDARY = "bound";
const NOW_MS = Date.UTC(2026, 0, 1);

interface Read {
  readonly fields: ReadonlyMap<string, string>;
  readonly fileName: string;
  readonly file: Buffer;
}

/** The form in pieces of this size; the name of the refusal where it is refused. */
async function read(input: Uint8Array, pieceBytes: number): Promise<Read | string> {
  const reader = new FormReader(pieces(input, pieceBytes), BOUNDARY);
  try {
    const { fields, fileName } = await reader.readHead();
    const file: Buffer[] = [];
    for await (const piece of reader.file()) file.push(Buffer.from(piece));
    await reader.finish();
    return { fields, fileName, file: Buffer.concat(file) };
  } catch (error) {
    return refusalLabel(REFUSALS, error);
  }
}

async function* pieces(input: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < input.length; at += pieceBytes) yield input.subarray(at, at + pieceBytes);
}

/** What a form's policy says of it, found once more without the code that is tested. */
function dumbPolicy({ conditions, expiresAtMs }: PostPolicy, fields: ReadonlyMap<string, string>): boolean {
  const free = ["file", "policy", "signature", "awsaccesskeyid", "x-amz-signature"];
  const holds = conditions.every((condition) => {
    if (condition.kind === "length") return true;
    const value = fields.get(condition.field) ?? "";
    if (condition.kind === "equals") return value === condition.value;
    const values =
      condition.field === "content-type" ? value.split(",").map((one) => one.trimStart()) : [value];
    return values.every((one) => one.slice(0, condition.prefix.length) === condition.prefix);
  });
  const isCovered = [...fields.keys()].every(
    (field) =>
      free.includes(field) ||
      field.startsWith("x-ignore-") ||
      field.startsWith("x-amz-checksum-") ||
      conditions.some((condition) => condition.kind !== "length" && condition.field === field),
  );
  return expiresAtMs > NOW_MS && holds && isCovered;
}

function policyLabel(policyText: string, { fields, file }: Read): string {
  const parsed = refusable([S3Refusal], () => parsePolicy(policyText));
  if (parsed.kind === "refused") return parsed.label;
  const kept = refusable([S3Refusal], () => checkPolicy(parsed.value, fields, NOW_MS));
  same(kept.kind === "value", dumbPolicy(parsed.value, fields), "whether a form keeps its policy");
  const length = refusable([S3Refusal], () => checkLength(parsed.value, { sizeBytes: file.length }));
  const fits = parsed.value.conditions.every(
    (condition) =>
      condition.kind !== "length" || (condition.least <= file.length && file.length <= condition.greatest),
  );
  same(length.kind === "value", fits, "whether a file has the length that its policy wants");
  return `${kept.kind} ${length.kind}`;
}

function form(parts: readonly (readonly [head: string, body: string])[], end = "--\r\n"): Uint8Array {
  const written = parts.map(([head, body]) => `--${BOUNDARY}\r\n${head}\r\n\r\n${body}\r\n`);
  return text(`${written.join("")}--${BOUNDARY}${end}`);
}

const field = (name: string, value: string) =>
  [`Content-Disposition: form-data; name="${name}"`, value] as const;
const policyField = (conditions: readonly unknown[], expiration = "2026-06-01T00:00:00Z") =>
  field("policy", Buffer.from(JSON.stringify({ expiration, conditions })).toString("base64"));
const file = [
  'Content-Disposition: form-data; name="file"; filename="a/b.txt"\r\nContent-Type: text/plain',
  "bytes",
] as const;

/** POST forms: the same however they arrive in pieces; a policy holds as a dumb reader of it says. */
export const s3Form: FuzzTarget = {
  name: "s3-form",
  maxBytes: 80 * 1024,
  dictionary: [
    `\r\n--${BOUNDARY}`,
    `--${BOUNDARY}--`,
    "\r\n\r\n",
    'Content-Disposition: form-data; name="',
    "; filename=",
    "starts-with",
    "content-length-range",
    '"$key"',
    "x-ignore-",
    "\\",
    '"',
  ],
  seeds: () => [
    form([
      field("key", "k"),
      policyField([{ key: "k" }, ["starts-with", "$Content-Type", "text/"]]),
      field("Content-Type", "text/a, text/b"),
      file,
    ]),
    form([
      field("key", "k"),
      policyField([
        ["eq", "$key", "k"],
        ["content-length-range", 1, "5"],
      ]),
      file,
      field("after", "x"),
    ]),
    form([
      policyField([["content-length-range", 9, 10]], "2020-01-01T00:00:00.5Z"),
      field("x-ignore-a", "b"),
      file,
    ]),
    form([field("key", "k".repeat(65_500)), file]),
    form([field("key", "k")]),
    form([file], "never ended"),
  ],
  property: async (input) => {
    const whole = await read(input, Math.max(1, input.length));
    for (const pieceBytes of [1 + (input.length % 7), 1024]) {
      // One byte after the other costs too much for long forms.
      if (input.length / pieceBytes > 10_000) continue;
      same(await read(input, pieceBytes), whole, `the form in pieces of ${pieceBytes} bytes`);
    }
    const named = refusable([S3Refusal], () => boundaryOf(latin1(input.subarray(0, 2048))));
    if (named.kind === "value" && (named.value === "" || named.value.length > 70))
      broken("a boundary beyond its limits");
    if (typeof whole === "string") return whole;
    const policyText = whole.fields.get("policy");
    const label = policyText === undefined ? "no policy" : policyLabel(policyText, whole);
    return `${Math.min(whole.fields.size, 4)} fields, ${label}`;
  },
  large: [
    (sizeBytes) => form([["Content-Disposition: form-data; name=file", "\r\n--boun".repeat(sizeBytes / 8)]]),
    (sizeBytes) => text(`multipart/form-data;${" ;".repeat(sizeBytes / 2)}`),
  ],
};
