/** Both ends of RepairService.Copy. */

import { create } from "@bufbuild/protobuf";
import { Deferred } from "../../base/index.ts";
import {
  type CopyRequest,
  CopyRequestSchema,
  type CopyResponse,
  CopyResponseSchema,
} from "../../gen/skerry/cluster/v1/repair_pb.js";
import type {
  MessageStream,
  PeerConnection,
  PeerIdentity,
  StreamErrorCode,
  StreamHandler,
  Timers,
} from "../../platform/ports.ts";
import { ClusterError } from "../errors.ts";
import { decodeMessage, encodeMessage } from "../messages.ts";
import type { BlobCopier, CopyOutcome, WantedBlob } from "./copier.ts";
import { MAX_STEP_CHUNKS } from "./decide.ts";
import { MAX_REQUEST_BLOBS } from "./plan.ts";

export const COPY_PATH = "/skerry.cluster.v1.RepairService/Copy";
/** Greatest size of a message, in bytes: MAX_REQUEST_BLOBS blobs of MAX_STEP_CHUNKS chunks, with room. */
const MAX_COPY_MESSAGE_BYTES = 512 * 1024;
/** Copy calls that a node works on at once. */
const MAX_CONCURRENT_CALLS = 4;
/** Nodes that a chunk may be fetched from. */
const MAX_SOURCES = 32;
/** How long the caller waits for an answer, in milliseconds: 64 MiB over a slow link. */
const COPY_TIMEOUT_MS = 5 * 60_000;

export interface CopyServiceOptions {
  readonly identity: { readonly clusterId: string; readonly incarnation: string };
  readonly isMember: (peer: PeerIdentity) => boolean;
  readonly copier: Pick<BlobCopier, "copy">;
}

/** Serves members only: the network has checked the caller's certificate, this checks that it is still one, and who is meant. */
export function copyHandler(options: CopyServiceOptions): ReadonlyMap<string, StreamHandler> {
  let running = 0;
  const serve = async (request: CopyRequest, signal: AbortSignal): Promise<CopyResponse> => {
    if (running >= MAX_CONCURRENT_CALLS) throw new Refused("resource_exhausted", "too many copies at once");
    running++;
    try {
      const outcomes = await options.copier.copy(wantedBlobs(request), signal);
      return create(CopyResponseSchema, {
        outcomes: outcomes.map(({ blobId, recordedBytes, problem }) => ({
          blobId,
          recordedBytes: BigInt(recordedBytes),
          problem: problem ?? "",
        })),
      });
    } finally {
      running--;
    }
  };
  const open = (stream: MessageStream, peer: PeerIdentity | undefined): void => {
    const abort = new AbortController();
    stream.onEnd = () => {};
    stream.onClose = () => abort.abort(new Error("the caller went away"));
    stream.onMessage = (pieces) => {
      const request = decodeMessage(CopyRequestSchema, pieces);
      const refused = refusalOf(options, peer, request);
      if (request === undefined || refused !== undefined) {
        stream.fail(refused?.code ?? "invalid_argument", refused?.message ?? "this is not a CopyRequest");
        return;
      }
      serve(request, abort.signal).then(
        (response) => {
          if (!abort.signal.aborted) stream.send(encodeMessage(CopyResponseSchema, response));
        },
        (error: unknown) => {
          if (abort.signal.aborted) return;
          if (error instanceof Refused) stream.fail(error.code, error.message);
          else stream.fail("unavailable", error instanceof Error ? error.message : String(error));
        },
      );
    };
  };
  return new Map([[COPY_PATH, { kind: "unary", maxMessageBytes: MAX_COPY_MESSAGE_BYTES, open }]]);
}

class Refused extends Error {
  readonly code: StreamErrorCode;

  constructor(code: StreamErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

function refusalOf(
  options: CopyServiceOptions,
  peer: PeerIdentity | undefined,
  request: CopyRequest | undefined,
): Refused | undefined {
  const { clusterId, incarnation } = options.identity;
  if (peer === undefined || peer.clusterId !== clusterId || !options.isMember(peer)) {
    return new Refused("permission_denied", "not a member");
  }
  if (request === undefined) return undefined;
  if (request.clusterId !== clusterId)
    return new Refused("permission_denied", `this is cluster ${clusterId}`);
  if (request.targetIncarnation !== incarnation) {
    return new Refused("failed_precondition", `this is incarnation ${incarnation}`);
  }
  const isBounded =
    request.items.length <= MAX_REQUEST_BLOBS &&
    request.items.every(
      ({ blobId, chunks }) =>
        blobId.length === 16 &&
        chunks.length <= MAX_STEP_CHUNKS &&
        chunks.every(({ nodeIds }) => nodeIds.length <= MAX_SOURCES),
    );
  return isBounded ? undefined : new Refused("invalid_argument", "more than one call may ask for");
}

function wantedBlobs(request: CopyRequest): readonly WantedBlob[] {
  return request.items.map(({ blobId, chunks }) => ({
    blobId,
    chunks: chunks.map(({ index, nodeIds }) => ({ index, sources: nodeIds.map(Number) })),
  }));
}

export interface CopyTarget {
  readonly connection: PeerConnection;
  readonly incarnation: string;
}

/** Asks another node to copy. Rejects with ClusterError "peer-unavailable". */
export async function requestCopies(
  options: { readonly clusterId: string; readonly timers: Timers },
  target: CopyTarget,
  wanted: readonly WantedBlob[],
  signal: AbortSignal,
): Promise<readonly CopyOutcome[]> {
  const answered = new Deferred<CopyResponse>();
  const stream = target.connection.openStream(COPY_PATH, {
    kind: "unary",
    maxMessageBytes: MAX_COPY_MESSAGE_BYTES,
  });
  const fail = (why: string): void =>
    answered.reject(new ClusterError("peer-unavailable", why, "the next plan tries again"));
  const giveUp = (why: string): void => {
    if (answered.settled) return;
    fail(why);
    stream.fail("canceled", why);
  };
  const abort = (): void => giveUp("the caller stops");
  const timer = options.timers.after(COPY_TIMEOUT_MS, () => giveUp("no answer in time"));
  signal.addEventListener("abort", abort, { once: true });
  stream.onEnd = () => {};
  stream.onClose = (error) => fail(error?.message ?? "closed without an answer");
  stream.onMessage = (pieces) => {
    const response = decodeMessage(CopyResponseSchema, pieces);
    if (response === undefined) giveUp("the answer is not a CopyResponse");
    else answered.resolve(response);
  };
  try {
    stream.send(encodeMessage(CopyRequestSchema, copyRequest(options.clusterId, target.incarnation, wanted)));
    stream.end();
    const { outcomes } = await answered.promise;
    return outcomes.map(({ blobId, recordedBytes, problem }) => ({
      blobId,
      recordedBytes: Number(recordedBytes),
      problem: problem === "" ? undefined : problem,
    }));
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", abort);
  }
}

function copyRequest(
  clusterId: string,
  targetIncarnation: string,
  wanted: readonly WantedBlob[],
): CopyRequest {
  return create(CopyRequestSchema, {
    clusterId,
    targetIncarnation,
    items: wanted.map(({ blobId, chunks }) => ({
      blobId,
      chunks: chunks.map(({ index, sources }) => ({ index, nodeIds: sources.map(BigInt) })),
    })),
  });
}
