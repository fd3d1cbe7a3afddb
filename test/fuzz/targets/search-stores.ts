import { concatBytes } from "../../../src/base/index.ts";
import {
  openRange,
  SEALED_BLOCK_BYTES,
  sealedBlocks,
  storedRange,
} from "../../../src/search/drivers/sealed-blob.ts";
import { SearchError } from "../../../src/search/errors.ts";
import { CHECKSUM_SEAL } from "../../../src/search/testing/checksum-seal.ts";
import { errorCodeOf, listedKeysOf } from "../../../src/server/stores/s3-answers.ts";
import { broken, type FuzzTarget, refusable, same } from "../target.ts";

const TEXT = new TextEncoder();

const list = (keys: readonly string[]) =>
  `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>${keys
    .map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`)
    .join("")}</ListBucketResult>`;

/** What another S3 service answers: it is read, or taken for no answer. */
export const searchStoreAnswers: FuzzTarget = {
  name: "search-store-answers",
  dictionary: ["<Contents><Key>", "</Key></Contents>", "<!DOCTYPE", "&amp;", "]]>", "<Error><Code>"],
  seeds: () =>
    [list([]), list(["a/0123", "b&amp;c"]), "<Error><Code>NoSuchKey</Code></Error>"].map((text) =>
      TEXT.encode(text),
    ),
  property: (input) => {
    const listed = listedKeysOf(input);
    const code = errorCodeOf(input);
    if (listed !== undefined && code !== undefined) broken("a list is no error");
    if (listed === undefined) return code === undefined ? "nothing" : "error";
    if (listed.keys.join("").length > input.length) broken("more keys than bytes");
    return `list ${Math.min(listed.keys.length, 3)}`;
  },
  large: [
    (sizeBytes) => TEXT.encode(list(Array.from({ length: Math.ceil(sizeBytes / 40) }, (_, at) => `${at}`))),
    (sizeBytes) => TEXT.encode("<a>".repeat(Math.ceil(sizeBytes / 3))),
  ],
};

const BLOB = { blobHex: "01".repeat(16), sizeBytes: 2 * SEALED_BLOCK_BYTES + 100 };
const BYTES = Uint8Array.from({ length: BLOB.sizeBytes }, (_, at) => (at * 7) % 251);

/** What a store gives back in place of the end of a sealed blob: those bytes and no others open, whatever part is asked for. */
export const searchSealedBlob: FuzzTarget = {
  name: "search-sealed-blob",
  seeds: () => {
    const sealed = concatBytes([...sealedBlocks(BLOB, [BYTES], CHECKSUM_SEAL)]);
    const { offset } = storedRange(BLOB, { offset: BLOB.sizeBytes - 50, length: 10 }, CHECKSUM_SEAL);
    return [sealed.slice(offset), sealed.slice(0, 300)];
  },
  property: (input) => {
    const range = { offset: BLOB.sizeBytes - 50, length: 10 };
    const opened = refusable([SearchError], () => openRange(BLOB, range, input, CHECKSUM_SEAL));
    if (opened.kind === "refused") return opened.label;
    same([...opened.value], [...BYTES.slice(-50, -40)], "what opened");
    return "accepted";
  },
};
