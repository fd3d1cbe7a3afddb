import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../base/index.ts";
import { ObjectError } from "../../object/index.ts";
import type { SignatureChain } from "../auth/authenticate.ts";
import { deriveSigningKey } from "../auth/hmac.ts";
import { S3Refusal } from "../errors.ts";
import { encodeAwsChunked } from "../testing/sign.ts";
import { type AwsChunkedOptions, decodeAwsChunked } from "./aws-chunked.ts";

const CHAIN: SignatureChain = {
  key: deriveSigningKey("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3"),
  amzDate: "20130524T000000Z",
  scope: "20130524/us-east-1/s3/aws4_request",
  seedSignature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
};

async function* from(...pieces: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === "string" ? Buffer.from(piece, "latin1") : piece;
}

async function decode(
  source: AsyncIterable<Uint8Array>,
  options: Partial<AwsChunkedOptions> & { readonly decodedBytes: number },
): Promise<{ bytes: Uint8Array; trailer: string | undefined }> {
  const body = decodeAwsChunked(source, { chain: undefined, trailer: undefined, ...options });
  const pieces: Uint8Array[] = [];
  for await (const piece of body.bytes) pieces.push(piece);
  return { bytes: concatBytes(pieces), trailer: body.trailerValue() };
}

async function outcome(
  text: string | Uint8Array,
  options: Partial<AwsChunkedOptions> & { readonly decodedBytes: number },
): Promise<string> {
  try {
    const { bytes } = await decode(from(text), options);
    return Buffer.from(bytes).toString();
  } catch (error) {
    if (error instanceof ObjectError || error instanceof S3Refusal) return `! ${error.code}`;
    throw error;
  }
}

/** Source: Amazon S3 API Reference, "Transferring Payload in Multiple Chunks (Chunked Upload)" and the same with trailing headers. */
describe("AWS's published examples", () => {
  const first = Buffer.alloc(65536, "a");
  const second = Buffer.alloc(1024, "a");

  it("signed chunks", async () => {
    const { bytes } = await decode(
      from(
        "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
        first,
        "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
        second,
        "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
      ),
      { decodedBytes: 66560, chain: CHAIN },
    );
    expect(bytes.length).toBe(66560);
  });

  it.each(["\r\n", "\n\r\n"])("signed chunks with a signed trailer that ends with %j", async (end) => {
    const chain = {
      ...CHAIN,
      seedSignature: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    };
    const { bytes, trailer } = await decode(
      from(
        "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n",
        first,
        "\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n",
        second,
        "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n",
        `x-amz-checksum-crc32c:sOO8/Q==${end}`,
        "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
      ),
      { decodedBytes: 66560, chain, trailer: "x-amz-checksum-crc32c" },
    );
    expect(bytes.length).toBe(66560);
    expect(trailer).toBe("sOO8/Q==");
  });
});

const TRAILER = "x-amz-checksum-crc32";

describe("unsigned chunks with a trailer", () => {
  const options = { decodedBytes: 5, trailer: TRAILER };

  it.each([
    ["5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "hello"],
    ["2\r\nhe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "hello"],
    ["05\r\nhello\r\n0\r\nX-Amz-Checksum-Crc32: NhCmhg==\r\n\r\n", "hello"],
    ["5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n", "hello"],
  ])("accepts %j", async (text, expected) => {
    expect(await outcome(text, options)).toBe(expected);
  });

  it.each([
    ["", "body-truncated"],
    ["5", "body-truncated"],
    ["5\r\nhel", "body-truncated"],
    ["5\r\nhello", "body-truncated"],
    ["5\r\nhello\r\n", "body-truncated"],
    ["4\r\nhell\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "body-truncated"],
    ["6\r\nhello!\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "body-too-long"],
    ["5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "body-too-long"],
    ["ffffffffffff\r\nhello", "body-too-long"],
    ["5\nhello\r\n0\r\n\r\n", "body-malformed"],
    ["\r\n5\r\nhello\r\n0\r\n\r\n", "body-malformed"],
    ["-5\r\nhello", "body-malformed"],
    ["0x5\r\nhello", "body-malformed"],
    ["5;ext=1\r\nhello\r\n0\r\n\r\n", "body-malformed"],
    ["5\r\nhelloXX0\r\n\r\n", "body-malformed"],
    ["5\r\nhello\rX0\r\n\r\n", "body-malformed"],
    [`5\r\nhello\r\n0\r\n${TRAILER}`, "body-malformed"],
    ["5\r\nhello\r\n0\r\nx-other:1\r\n\r\n", "body-malformed"],
    [`5\r\nhello\r\n0\r\n${TRAILER}:a\r\n${TRAILER}:b\r\n\r\n`, "body-malformed"],
    ["5\r\nhello\r\n0\r\n\r\n", "trailer-missing"],
    [`${"0".repeat(2000)}5\r\nhello`, "body-malformed"],
    [`5\r\nhello\r\n0\r\n${TRAILER}:${"x".repeat(5000)}\r\n\r\n`, "body-malformed"],
    [`5;chunk-signature=${"0".repeat(64)}\r\nhello`, "body-malformed"],
  ])("refuses %j with %s", async (text, code) => {
    expect(await outcome(text, options)).toBe(`! ${code}`);
  });

  it("has no trailer where none was announced", async () => {
    expect(await outcome("5\r\nhello\r\n0\r\n\r\n", { decodedBytes: 5 })).toBe("hello");
    const text = `5\r\nhello\r\n0\r\n${TRAILER}:NhCmhg==\r\n\r\n`;
    expect(await outcome(text, { decodedBytes: 5 })).toBe("! body-malformed");
  });

  it("hands out views, not copies", async () => {
    const wire = Buffer.from("5\r\nhello\r\n0\r\n\r\n");
    const body = decodeAwsChunked(from(wire), { decodedBytes: 5, chain: undefined, trailer: undefined });
    for await (const piece of body.bytes) expect(piece.buffer).toBe(wire.buffer);
  });
});

describe("signed chunks", () => {
  const chunks = [Buffer.alloc(9000, "x"), Buffer.alloc(10, "y")];
  const good = encodeAwsChunked(chunks, { chain: CHAIN });
  const options = { decodedBytes: 9010, chain: CHAIN };

  it("decode", async () => {
    expect(await outcome(good, options)).toBe(Buffer.concat(chunks).toString());
  });

  it("refuse every changed byte", async () => {
    for (let at = 0; at < good.length; at += at < 120 || at > 9080 ? 1 : 997) {
      const bad = Uint8Array.from(good);
      bad[at] = bad[at]! ^ 0x01;
      expect((await outcome(bad, options)).startsWith("! "), `byte ${at}`).toBe(true);
    }
  });

  it("refuse every shortened body", async () => {
    // The last CRLF is no part of what is signed; all before it is needed.
    for (let end = 0; end < good.length - 2; end += end < 120 || end > 9080 ? 1 : 997) {
      expect((await outcome(good.subarray(0, end), options)).startsWith("! "), `${end} bytes`).toBe(true);
    }
  });

  it("refuse chunks without a signature, in another order, or of another request", async () => {
    expect(await outcome(encodeAwsChunked(chunks), options)).toBe("! chunk-signature");
    const other = { ...CHAIN, seedSignature: "0".repeat(64) };
    expect(await outcome(encodeAwsChunked(chunks, { chain: other }), options)).toBe("! chunk-signature");
    const header = 5 + 17 + 64 + 1;
    const swapped = Buffer.concat([good.subarray(header + 9002), good.subarray(0, header + 9002)]);
    expect((await outcome(swapped, options)).startsWith("! ")).toBe(true);
  });

  it("refuse small chunks that are not the last", async () => {
    const small = encodeAwsChunked([Buffer.from("x"), Buffer.from("y")], { chain: CHAIN });
    expect(await outcome(small, { decodedBytes: 2, chain: CHAIN })).toBe("! InvalidChunkSizeError");
  });

  it("refuse a trailer whose signature is missing or wrong", async () => {
    const trailer = { name: TRAILER, value: "NhCmhg==" };
    const wire = Buffer.from(encodeAwsChunked([Buffer.from("hello")], { chain: CHAIN, trailer })).toString(
      "latin1",
    );
    const trailed = { decodedBytes: 5, chain: CHAIN, trailer: TRAILER };
    expect(await outcome(wire, trailed)).toBe("hello");
    expect(await outcome(wire.replace("NhCmhg==", "NhCmhQ=="), trailed)).toBe("! chunk-signature");
    expect(await outcome(wire.replace(/x-amz-trailer-signature:.*\r\n/, ""), trailed)).toBe(
      "! chunk-signature",
    );
    expect(await outcome(wire.replace(/x-amz-checksum-crc32:.*\r\n/, ""), trailed)).toBe("! trailer-missing");
  });
});

describe("any splitting of the input gives the same output", () => {
  const payload = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat(400), { maxLength: 20 });

  function split(wire: Uint8Array, at: readonly number[]): Uint8Array[] {
    const ends = [...new Set(at.map((cut) => cut % (wire.length + 1)))].sort((left, right) => left - right);
    return [...ends, wire.length].map((end, index) => wire.subarray(ends[index - 1] ?? 0, end));
  }

  it("unsigned, with a trailer", async () => {
    await fc.assert(
      fc.asyncProperty(payload, cuts, async (chunks, at) => {
        const expected = concatBytes(chunks);
        const wire = encodeAwsChunked(chunks, { trailer: { name: TRAILER, value: "AAAAAA==" } });
        const decoded = await decode(from(...split(wire, at)), {
          decodedBytes: expected.length,
          trailer: TRAILER,
        });
        expect(decoded.bytes).toEqual(expected);
        expect(decoded.trailer).toBe("AAAAAA==");
      }),
    );
  });

  it("signed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), cuts, async (chunk, at) => {
        const chunks = chunk.length === 0 ? [] : [chunk];
        const wire = encodeAwsChunked(chunks, { chain: CHAIN });
        const decoded = await decode(from(...split(wire, at)), { decodedBytes: chunk.length, chain: CHAIN });
        expect(decoded.bytes).toEqual(Uint8Array.from(chunk));
      }),
    );
  });

  it("and any bytes at all give a refusal or a body of the promised length", async () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .string({ unit: fc.constantFrom("0", "1", "5", "a", ";", "\r", "\n", ":", "x"), maxLength: 60 })
        .map((text) => Buffer.from(text)),
    );
    await fc.assert(
      fc.asyncProperty(noise, fc.nat(20), async (bytes, decodedBytes) => {
        try {
          const decoded = await decode(from(bytes), { decodedBytes });
          expect(decoded.bytes.length).toBe(decodedBytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ObjectError);
        }
      }),
    );
  });
});
