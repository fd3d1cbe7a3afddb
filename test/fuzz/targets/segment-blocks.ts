import { decodeTrailer, encodeTrailer } from "../../../src/segment/footer.ts";
import { decodeHeader, encodeHeader, HEADER_BYTES } from "../../../src/segment/header.ts";
import { hasher, TEST_IDENTITY } from "../../../src/segment/testing/harness.ts";
import { type FuzzTarget, same } from "../target.ts";

const SALT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const HEADER = { segmentId: 7, salt: SALT, createdMs: 1_767_225_600_000, identity: TEST_IDENTITY };

/** Header blocks (their first 256 bytes are the input) and trailers, with the checksums made right. */
export const segmentBlocks: FuzzTarget = {
  name: "segment-blocks",
  maxBytes: 256,
  seeds: () => [encodeHeader(hasher, HEADER).slice(0, 232), encodeTrailer(hasher, SALT, 123_456)],
  property: (input) => {
    const trailer = decodeTrailer(hasher, input);
    if (trailer !== undefined) {
      same(encodeTrailer(hasher, trailer.salt, trailer.footerPosition), input, "a trailer");
      return "trailer";
    }
    const block = new Uint8Array(HEADER_BYTES);
    block.set(input);
    new DataView(block.buffer).setUint32(
      HEADER_BYTES - 4,
      hasher.crc32c(block.subarray(0, HEADER_BYTES - 4)),
      true,
    );
    const decoded = decodeHeader(hasher, block);
    if (decoded.kind !== "header") return decoded.kind;
    same(
      decodeHeader(hasher, encodeHeader(hasher, decoded.header)),
      decoded,
      "a header that was written again",
    );
    return "header";
  },
};
