import type { BodySource } from "../../object/index.ts";
import type { Authenticated } from "../auth/authenticate.ts";
import { invalidArgument, S3Refusal } from "../errors.ts";
import type { RequestHeaders, S3Request } from "../http.ts";
import { MAX_SINGLE_PUT_BYTES } from "../limits.ts";
import {
  checksumHeaderName,
  checksumOfHeaders,
  contentMd5,
  parseAlgorithm,
  trailerAlgorithm,
} from "../parse/checksum.ts";
import { parseWhole } from "../parse/fields.ts";
import { decodeAwsChunked } from "./aws-chunked.ts";

type Expected = BodySource["expected"];

/**
 * The payload of a request behind all its transfer codings, with everything that the head promises about it. Nothing is read yet. Refuses
 * heads that contradict themselves, that name no length ("MissingContentLength") or one beyond `MAX_SINGLE_PUT_BYTES` ("EntityTooLarge").
 */
export function openBody(
  request: S3Request,
  headers: RequestHeaders,
  authenticated: Authenticated,
): BodySource {
  const { payload } = authenticated;
  const md5 = contentMd5(headers);
  const checksum = checksumOfHeaders(headers, "refused");
  const trailer = trailerAlgorithm(headers);
  checkPromises(headers, checksum?.algorithm, trailer);
  const expected: Expected = {
    ...(md5 && { md5 }),
    ...(payload.kind === "hash" && { sha256: payload.sha256 }),
    ...(checksum && { checksum }),
  };
  const chunked = payload.kind === "signed-chunks" || payload.kind === "unsigned-chunks";
  const hasTrailer =
    payload.kind === "unsigned-chunks" || (payload.kind === "signed-chunks" && payload.trailer);
  if (hasTrailer !== (trailer !== undefined)) {
    throw new S3Refusal(
      "InvalidRequest",
      "x-amz-trailer and x-amz-content-sha256 do not agree on a trailer.",
    );
  }
  const { slackBytes } = request;
  if (!chunked) {
    const sizeBytes = plainLength(headers);
    return { sizeBytes, bytes: request.body, expected, ...(slackBytes !== undefined && { slackBytes }) };
  }
  const sizeBytes = requiredLength(headers, "x-amz-decoded-content-length");
  const decoded = decodeAwsChunked(request.body, {
    decodedBytes: sizeBytes,
    chain: payload.kind === "signed-chunks" ? authenticated.chain : undefined,
    trailer: trailer && checksumHeaderName(trailer),
  });
  if (trailer === undefined) return { sizeBytes, bytes: decoded.bytes, expected };
  return {
    sizeBytes,
    bytes: decoded.bytes,
    expected: { ...expected, trailer: { algorithm: trailer, value: decoded.trailerValue } },
  };
}

/** The same for operations whose body may be left out: then it is empty. */
export function openOptionalBody(
  request: S3Request,
  headers: RequestHeaders,
  authenticated: Authenticated,
): BodySource {
  if (headers.has("content-length") || headers.has("transfer-encoding")) {
    return openBody(request, headers, authenticated);
  }
  return { sizeBytes: 0, bytes: request.body, expected: {} };
}

function plainLength(headers: RequestHeaders): number {
  // The length of a chunked message is known only at its end; S3 wants it before, and so do we.
  if (headers.has("transfer-encoding")) throw new S3Refusal("MissingContentLength");
  return requiredLength(headers, "content-length");
}

function requiredLength(headers: RequestHeaders, name: string): number {
  const text = headers.get(name);
  if (text === undefined) throw new S3Refusal("MissingContentLength");
  const length = parseWhole(text.trim());
  if (length === undefined) throw invalidArgument(`Invalid ${name}`, name, text);
  if (length > MAX_SINGLE_PUT_BYTES) {
    throw new S3Refusal("EntityTooLarge", undefined, {
      ProposedSize: String(length),
      MaxSizeAllowed: String(MAX_SINGLE_PUT_BYTES),
    });
  }
  return length;
}

/** A checksum comes in the head or in a trailer, and x-amz-sdk-checksum-algorithm names the one that comes. */
function checkPromises(
  headers: RequestHeaders,
  inHeader: string | undefined,
  inTrailer: string | undefined,
): void {
  if (inHeader !== undefined && inTrailer !== undefined) {
    throw new S3Refusal(
      "InvalidRequest",
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    );
  }
  const name = "x-amz-sdk-checksum-algorithm";
  const announced = headers.get(name);
  if (announced === undefined) return;
  const given = inHeader ?? inTrailer;
  if (given === undefined) {
    throw new S3Refusal(
      "InvalidRequest",
      `${name} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.`,
    );
  }
  if (parseAlgorithm(announced, name) !== given) {
    throw new S3Refusal("InvalidRequest", `Value for ${name} header is invalid.`);
  }
}
