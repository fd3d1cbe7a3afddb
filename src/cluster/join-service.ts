/**
 * Letting a new node in: the server side of MembershipService.Join, on every node.
 *
 * In this order, so that a stranger can make the cluster do as little as possible:
 * 1. a place among the joins that run at once, from the beginning of the call. Where all are taken, the call whose request has not come for longest gives up
 *    its own: whoever is slow keeps nobody else from joining;
 * 2. the token: looked up by its hash in the local rows; only when it is not there, and only so often, after a linearizable read;
 * 3. what the node says about itself, and that its certificate request is signed with its key; the CA's key is opened;
 * 4. the command that uses up the token and registers the node, in one entry;
 * 5. the certificate for the id that the state machine has given.
 *
 * A token that was used up by a join whose answer was lost stays used: the node asks for another one and gets the same id, because it keeps its
 * name and incarnation.
 */

import { create } from "@bufbuild/protobuf";
import {
  type JoinRequest,
  JoinRequestSchema,
  type JoinResponse,
  JoinResponseSchema,
  type PeerInfo,
  PeerInfoSchema,
} from "../gen/skerry/cluster/v1/cluster_pb.js";
import { type CommandResult, RefusalCode, RegisterNodeSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { type NodeRow, NodeRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Clock, Hasher, MessageStream, StreamErrorCode, StreamHandler } from "../platform/ports.ts";
import { ClusterError, type ClusterErrorCode } from "./errors.ts";
import type { CertificateIssuer } from "./issuer.ts";
import { findJoinToken, joinTokenHash, parseJoinToken } from "./join-token.ts";
import { decodeMessage, encodeMessage, MAX_JOIN_MESSAGE_BYTES } from "./messages.ts";
import { faultOf, NODE_STATE } from "./node-rows.ts";
import type { ClusterMetadata, NodeIdentity } from "./ports.ts";

/** Joins that a node works on at once. */
export const MAX_CONCURRENT_JOINS = 4;
/** Joins with an unknown token that cost a linearizable read: so many at once, and so many in a minute. */
export const FAILED_JOIN_BURST = 10;
export const FAILED_JOINS_PER_MINUTE = 30;

const DEFAULT_TIMEOUT_MS = 10_000;

export interface JoinServiceOptions {
  readonly identity: Pick<NodeIdentity, "clusterId" | "caCertificatePem" | "keyEncryptionKey">;
  readonly metadata: ClusterMetadata;
  readonly issuer: CertificateIssuer;
  readonly clock: Clock;
  readonly hasher: Pick<Hasher, "digest">;
  /** For the read and for the command, each, in milliseconds. */
  readonly timeoutMs?: number;
  /** Every join and every refusal, for log and audit. */
  readonly onOutcome?: (outcome: JoinOutcome) => void;
}

export type JoinOutcome =
  | { readonly kind: "joined"; readonly nodeId: number; readonly name: string }
  | { readonly kind: "refused"; readonly code: ClusterErrorCode | "internal"; readonly message: string };

/** The code on the wire of each refusal; what is missing here is a bug on this side. */
const STREAM_CODES: Readonly<Partial<Record<ClusterErrorCode, StreamErrorCode>>> = {
  "token-malformed": "invalid_argument",
  "token-refused": "permission_denied",
  "join-invalid": "invalid_argument",
  "join-name-taken": "failed_precondition",
  "join-throttled": "resource_exhausted",
  "join-unavailable": "unavailable",
  "certificate-request-invalid": "invalid_argument",
};

export function joinHandler(options: JoinServiceOptions): StreamHandler {
  const service = new JoinService(options);
  return {
    anonymous: true,
    kind: "unary",
    maxMessageBytes: MAX_JOIN_MESSAGE_BYTES,
    open: (stream) => service.serve(stream),
  };
}

/** Of one call, until it is answered. */
interface Place {
  readonly stream: MessageStream;
  /** Its request has not come yet. */
  isWaiting: boolean;
}

class JoinService {
  readonly #options: JoinServiceOptions;
  readonly #failures: FailureBudget;
  /** In the order in which the calls began. */
  readonly #places = new Set<Place>();

  constructor(options: JoinServiceOptions) {
    this.#options = options;
    this.#failures = new FailureBudget(options.clock.monotonicMs());
  }

  serve(stream: MessageStream): void {
    let open = true;
    const place: Place = { stream, isWaiting: true };
    stream.onEnd = () => {};
    stream.onClose = () => {
      open = false;
      if (place.isWaiting) this.#places.delete(place);
    };
    stream.onMessage = (pieces) => {
      if (!this.#places.has(place)) return;
      const request = decodeMessage(JoinRequestSchema, pieces);
      if (request === undefined) {
        stream.fail("invalid_argument", "this is not a JoinRequest");
        return;
      }
      place.isWaiting = false;
      this.#answer(request)
        .then(
          (response) => {
            if (open) stream.send(encodeMessage(JoinResponseSchema, response));
          },
          (error: unknown) => {
            if (open) this.#fail(stream, error);
            else this.#refused(error);
          },
        )
        .finally(() => this.#places.delete(place));
    };
    if (!this.#take(place)) this.#fail(stream, throttled());
  }

  /** False: all places are taken by requests that have come. */
  #take(place: Place): boolean {
    if (this.#places.size >= MAX_CONCURRENT_JOINS) {
      const slowest = [...this.#places].find(({ isWaiting }) => isWaiting);
      if (slowest === undefined) return false;
      this.#places.delete(slowest);
      this.#fail(slowest.stream, throttled());
    }
    this.#places.add(place);
    return true;
  }

  #fail(stream: MessageStream, error: unknown): void {
    const { code, message } = this.#refused(error);
    stream.fail(code, message);
  }

  /** A ClusterError is the caller's to read; of anything else it learns nothing. */
  #refused(error: unknown): { readonly code: StreamErrorCode; readonly message: string } {
    const code = error instanceof ClusterError ? STREAM_CODES[error.code] : undefined;
    if (error instanceof ClusterError && code !== undefined) {
      this.#options.onOutcome?.({ kind: "refused", code: error.code, message: error.message });
      return { code, message: error.message };
    }
    this.#options.onOutcome?.({ kind: "refused", code: "internal", message: String(error) });
    return { code: "internal", message: "the join failed on this node; its log says why" };
  }

  async #answer(request: JoinRequest): Promise<JoinResponse> {
    const response = await this.#join(request);
    this.#options.onOutcome?.({ kind: "joined", nodeId: Number(response.nodeId), name: request.name });
    return response;
  }

  async #join(request: JoinRequest): Promise<JoinResponse> {
    const tokenHash = joinTokenHash(parseJoinToken(request.token), this.#options.hasher);
    await this.#requireToken(tokenHash);
    const node = describedNode(request);
    const issue = await this.#options.issuer.prepare(request.certificateRequestPem);
    const nodeId = await this.#register(node, tokenHash);
    const { identity } = this.#options;
    return create(JoinResponseSchema, {
      clusterId: identity.clusterId,
      nodeId: BigInt(nodeId),
      certificatePem: await issue(nodeId),
      caCertificatePem: identity.caCertificatePem,
      keyEncryptionKey: identity.keyEncryptionKey,
      peers: await this.#peers(nodeId),
    });
  }

  /** Only the command decides; this keeps made-up tokens out of the log. */
  async #requireToken(tokenHash: Uint8Array): Promise<void> {
    if (await this.#isKnown(tokenHash)) return;
    if (!this.#failures.take(this.#options.clock.monotonicMs())) throw throttled();
    const { metadata } = this.#options;
    await metadata.barrier({ timeoutMs: this.#timeoutMs }).catch((cause: unknown) => {
      throw unavailable("the cluster has no quorum that could check the token", cause);
    });
    if (!(await this.#isKnown(tokenHash))) throw tokenRefused();
  }

  async #isKnown(tokenHash: Uint8Array): Promise<boolean> {
    const rows = await this.#options.metadata.view.joinTokens();
    return findJoinToken(rows, tokenHash, this.#options.clock.wallMs()) !== undefined;
  }

  async #register(node: NodeRow, tokenHash: Uint8Array): Promise<number> {
    const body = { case: "registerNode" as const, value: create(RegisterNodeSchema, { node, tokenHash }) };
    const result = await this.#options.metadata
      .submit(body, { timeoutMs: this.#timeoutMs })
      .catch((cause: unknown) => {
        throw unavailable("the cluster could not register the node in time", cause);
      });
    return registeredNodeId(result);
  }

  async #peers(joinedNodeId: number): Promise<PeerInfo[]> {
    const rows = await this.#options.metadata.view.nodes();
    return rows
      .filter((row) => Number(row.nodeId) !== joinedNodeId && row.state !== NODE_STATE.removed)
      .map(({ nodeId, name, peerAddress, incarnation }) =>
        create(PeerInfoSchema, { nodeId, name, peerAddress, incarnation }),
      );
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }
}

function describedNode(request: JoinRequest): NodeRow {
  const fault = faultOf(request);
  if (fault !== undefined) throw new ClusterError("join-invalid", fault, "correct the node's configuration");
  const { name, zone, incarnation, peerAddress, s3Address, apiAddress, roles, weight } = request;
  return create(NodeRowSchema, {
    name,
    zone,
    incarnation,
    peerAddress,
    s3Address,
    apiAddress,
    roles,
    weight,
    state: NODE_STATE.joining,
  });
}

function registeredNodeId(result: CommandResult): number {
  if (result.result.case === "nodeRegistered") return Number(result.result.value.nodeId);
  if (result.result.case !== "refusal")
    throw new Error(`registerNode was answered with ${result.result.case}`);
  const { code, detail } = result.result.value;
  switch (code) {
    case RefusalCode.TOKEN_INVALID:
      throw tokenRefused();
    case RefusalCode.NODE_EXISTS:
      throw new ClusterError(
        "join-name-taken",
        "the cluster has a node of this name with another data directory",
        "give the node another name, or remove the old node first",
      );
    case RefusalCode.INVALID:
      throw new ClusterError("join-invalid", detail, "correct the node's configuration");
    default:
      throw unavailable(`the cluster refused to register the node: ${RefusalCode[code]} ${detail}`);
  }
}

function tokenRefused(): ClusterError {
  return new ClusterError(
    "token-refused",
    "the join token is unknown, expired or already used",
    "make a new one with `skerry cluster join-token`",
  );
}

function throttled(): ClusterError {
  return new ClusterError(
    "join-throttled",
    "too many joins at once, or with wrong tokens",
    "try again in a minute",
  );
}

function unavailable(message: string, cause?: unknown): ClusterError {
  return new ClusterError("join-unavailable", message, "check `skerry cluster status` and try again", {
    cause,
  });
}

/** A token bucket for failures alone: a valid token never waits for strangers. */
class FailureBudget {
  #left = FAILED_JOIN_BURST;
  #updatedMs: number;

  constructor(nowMs: number) {
    this.#updatedMs = nowMs;
  }

  take(nowMs: number): boolean {
    const back = ((nowMs - this.#updatedMs) / 60_000) * FAILED_JOINS_PER_MINUTE;
    this.#left = Math.min(FAILED_JOIN_BURST, this.#left + Math.max(0, back));
    this.#updatedMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
