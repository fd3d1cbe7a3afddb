import { create } from "@bufbuild/protobuf";
import { concatBytes, EMPTY_BYTES, equalBytes, fromBase64, toBase64, toHex } from "../base/index.ts";
import { type Header, HeaderSchema, type PartRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { DigestAlgorithm, Hasher } from "../platform/index.ts";
import { CrcCombiner } from "./crc-combine.ts";
import { ObjectError } from "./errors.ts";
import type { BodySource, Checksum, ChecksumAlgorithm } from "./ports.ts";

const DIGEST_OF: Readonly<Record<ChecksumAlgorithm, DigestAlgorithm>> = {
  CRC32: "crc32",
  CRC32C: "crc32c",
  CRC64NVME: "crc64nvme",
  SHA1: "sha1",
  SHA256: "sha256",
};

/** What a body must be hashed with while it flows, and how the results are judged. */
export class BodyDigests {
  readonly algorithms: readonly DigestAlgorithm[];
  readonly #body: BodySource;
  readonly #checksumAlgorithm: ChecksumAlgorithm | undefined;

  /** `fallback`: the checksum to compute when the client sends none (an upload that was created with an algorithm). */
  constructor(body: BodySource, fallback?: ChecksumAlgorithm) {
    this.#body = body;
    const { checksum, trailer, sha256 } = body.expected;
    this.#checksumAlgorithm = checksum?.algorithm ?? trailer?.algorithm ?? fallback;
    const wanted = new Set<DigestAlgorithm>(["md5"]);
    if (sha256 !== undefined) wanted.add("sha256");
    if (this.#checksumAlgorithm !== undefined) wanted.add(DIGEST_OF[this.#checksumAlgorithm]);
    this.algorithms = [...wanted];
  }

  /**
   * Call after the last byte. Refuses "md5-mismatch", "sha256-mismatch", "checksum-mismatch" and "trailer-missing"; returns what is kept.
   */
  verify(digests: readonly Uint8Array[]): { readonly etag: string; readonly checksum: Checksum | undefined } {
    const of = (algorithm: DigestAlgorithm): Uint8Array => {
      const digest = digests[this.algorithms.indexOf(algorithm)];
      if (digest === undefined) throw new Error(`the ${algorithm} digest was not computed`);
      return digest;
    };
    const { md5, sha256 } = this.#body.expected;
    if (md5 !== undefined && !equalBytes(md5, of("md5"))) {
      throw new ObjectError(
        "md5-mismatch",
        "the Content-MD5 that you gave is not that of the bytes received",
      );
    }
    if (sha256 !== undefined && !equalBytes(sha256, of("sha256"))) {
      throw new ObjectError(
        "sha256-mismatch",
        "the x-amz-content-sha256 that you gave is not that of the bytes received",
      );
    }
    return { etag: toHex(of("md5")), checksum: this.#checkedChecksum(of) };
  }

  #checkedChecksum(of: (algorithm: DigestAlgorithm) => Uint8Array): Checksum | undefined {
    const algorithm = this.#checksumAlgorithm;
    if (algorithm === undefined) return undefined;
    const computed: Checksum = { algorithm, value: toBase64(of(DIGEST_OF[algorithm])) };
    const { checksum, trailer } = this.#body.expected;
    const promised = checksum?.value ?? trailer?.value();
    if (trailer !== undefined && promised === undefined) {
      throw new ObjectError(
        "trailer-missing",
        "the trailer with the checksum that x-amz-trailer announces did not come",
      );
    }
    if (promised !== undefined && promised !== computed.value) {
      throw new ObjectError(
        "checksum-mismatch",
        `the ${algorithm} that you gave is not that of the bytes received`,
      );
    }
    return computed;
  }
}

export type ChecksumType = "COMPOSITE" | "FULL_OBJECT";

/** What S3 takes when a client does not say: CRC64NVME knows only whole objects, SHA only composites. */
export function defaultChecksumType(algorithm: ChecksumAlgorithm): ChecksumType {
  return algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE";
}

/** Refuses combinations that S3 refuses. Source: Amazon S3 User Guide, "Checking object integrity", table of checksum types. */
export function checkChecksumType(algorithm: ChecksumAlgorithm, type: ChecksumType): void {
  const allowed =
    algorithm === "CRC64NVME" ? type === "FULL_OBJECT" : algorithm.startsWith("CRC") || type === "COMPOSITE";
  if (!allowed)
    throw new ObjectError("checksum-type-invalid", `${algorithm} does not have checksum type ${type}`);
}

/** The checksum of a completed upload from those of its parts; undefined when a part has none. */
export function checksumOfParts(
  hasher: Hasher,
  parts: readonly PartRow[],
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
): Checksum | undefined {
  const values: Uint8Array[] = [];
  for (const part of parts) {
    const value = part.checksums.find((header) => header.name === algorithm)?.value;
    if (value === undefined) return undefined;
    values.push(fromBase64(value) ?? EMPTY_BYTES);
  }
  if (type === "COMPOSITE") {
    const digest = hasher.digest(DIGEST_OF[algorithm], concatBytes(values));
    return { algorithm, value: `${toBase64(digest)}-${parts.length}` };
  }
  if (algorithm === "SHA1" || algorithm === "SHA256") return undefined;
  const combiner = new CrcCombiner(algorithm);
  for (const [index, part] of parts.entries())
    combiner.append(values[index] ?? EMPTY_BYTES, Number(part.size));
  return { algorithm, value: toBase64(combiner.result()) };
}

export function checksumRows(checksum: Checksum | undefined): Header[] {
  return checksum === undefined
    ? []
    : [create(HeaderSchema, { name: checksum.algorithm, value: checksum.value })];
}

export function checksumFromRows(rows: readonly Header[]): Checksum | undefined {
  const first = rows[0];
  return first === undefined ? undefined : { algorithm: first.name as ChecksumAlgorithm, value: first.value };
}
