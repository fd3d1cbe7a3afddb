/** Joining a cluster: the side of the new node. */

import { create } from "@bufbuild/protobuf";
import { Deferred } from "../base/index.ts";
import {
  JoinRequestSchema,
  type JoinResponse,
  JoinResponseSchema,
} from "../gen/skerry/cluster/v1/cluster_pb.js";
import { StreamFailure } from "../platform/index.ts";
import type { Clock, Random, SocketAddress, StreamErrorCode, Timers } from "../platform/ports.ts";
import { certificateFingerprint, checkNodeCertificate, createNodeKey, requestCertificate } from "./ca.ts";
import { ClusterError, type ClusterErrorCode } from "./errors.ts";
import { newIncarnation } from "./founding.ts";
import { parseJoinToken } from "./join-token.ts";
import { decodeMessage, encodeMessage, JOIN_PATH, MAX_JOIN_MESSAGE_BYTES } from "./messages.ts";
import type { JoiningDraft, NodeDirectory, PeerAddress, StoredIdentity } from "./node-directory.ts";
import { faultOf, formatAddress, type NodeDescription } from "./node-rows.ts";
import type { NodeIdentity, PinnedConnect } from "./ports.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
const KEY_ENCRYPTION_KEY_BYTES = 32;

export interface JoinOptions {
  /** The text of the token. */
  readonly token: string;
  /** Nodes of the cluster; the next one is asked when one cannot be reached. */
  readonly addresses: readonly SocketAddress[];
  readonly node: Omit<NodeDescription, "incarnation">;
  readonly directory: NodeDirectory;
  readonly connect: PinnedConnect;
  readonly clock: Pick<Clock, "wallMs">;
  readonly timers: Timers;
  readonly random: Random;
  /** For each address. */
  readonly timeoutMs?: number;
}

export interface Joined {
  readonly stored: StoredIdentity;
  /** Nodes that the cluster had, to find it again. */
  readonly peers: readonly PeerAddress[];
}

/**
 * Makes this node a member; its identity and the peers are durable when it resolves. Name, incarnation and key are durable before the first
 * request, so that another try (with another token) is the same node. Throws ClusterError:
 * "token-malformed", "token-refused", "join-invalid", "join-name-taken", "join-throttled", "join-unavailable", "join-untrusted",
 * "identity-exists" and those of `NodeDirectory.inspect`.
 */
export async function joinCluster(options: JoinOptions): Promise<Joined> {
  const { caFingerprint } = parseJoinToken(options.token);
  const draft = await draftOf(options);
  const fault = faultOf({ ...options.node, incarnation: draft.incarnation });
  if (fault !== undefined) throw new ClusterError("join-invalid", fault, "correct the node's configuration");
  await options.directory.saveDraft(draft);
  const request = encodeMessage(
    JoinRequestSchema,
    create(JoinRequestSchema, {
      ...options.node,
      roles: [...options.node.roles],
      token: options.token.trim(),
      incarnation: draft.incarnation,
      certificateRequestPem: await requestCertificate(draft.privateKeyPem),
    }),
  );
  const response = await askInTurn(options, caFingerprint, request);
  const identity = await verifiedIdentity(response, draft, caFingerprint);
  const stored: StoredIdentity = {
    identity,
    createdAtMs: options.clock.wallMs(),
    foundingCaKeyPem: undefined,
  };
  const peers = response.peers.map((peer) => ({
    nodeId: Number(peer.nodeId),
    incarnation: peer.incarnation,
    peerAddress: peer.peerAddress,
  }));
  await options.directory.savePeers(peers);
  await options.directory.create(stored);
  return { stored, peers };
}

/** The draft of an earlier try, unless it was for another name. */
async function draftOf(options: JoinOptions): Promise<JoiningDraft> {
  const state = await options.directory.inspect();
  if (state.kind === "member") {
    throw new ClusterError(
      "identity-exists",
      "this data directory already belongs to a node",
      "start the node as it is",
    );
  }
  if (state.kind === "joining" && state.draft.name === options.node.name) return state.draft;
  const { privateKeyPem } = await createNodeKey();
  return { name: options.node.name, incarnation: newIncarnation(options.random), privateKeyPem };
}

/** Asks one address after the other as long as nobody answers; a refusal is the answer. */
async function askInTurn(
  options: JoinOptions,
  caFingerprint: string,
  request: readonly Uint8Array[],
): Promise<JoinResponse> {
  let last = new ClusterError("join-unavailable", "no address to join through", "name a node of the cluster");
  for (const address of options.addresses) {
    try {
      return await ask(options, address, caFingerprint, request);
    } catch (error) {
      if (!(error instanceof ClusterError) || error.code !== "join-unavailable") throw error;
      last = error;
    }
  }
  throw last;
}

async function ask(
  options: JoinOptions,
  address: SocketAddress,
  caFingerprint: string,
  request: readonly Uint8Array[],
): Promise<JoinResponse> {
  const connection = options.connect(address, caFingerprint);
  const answered = new Deferred<JoinResponse>();
  const timer = options.timers.after(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, () => {
    answered.reject(refusal(address, "unavailable", "no answer in time"));
  });
  try {
    const stream = connection.openStream(JOIN_PATH, {
      kind: "unary",
      maxMessageBytes: MAX_JOIN_MESSAGE_BYTES,
    });
    stream.onEnd = () => {};
    stream.onClose = (error) => {
      answered.reject(
        refusal(address, error?.code ?? "unavailable", error?.message ?? "closed without an answer"),
      );
    };
    stream.onMessage = (pieces) => {
      const response = decodeMessage(JoinResponseSchema, pieces);
      if (response === undefined)
        answered.reject(untrusted(`${formatAddress(address)} does not answer like a node`));
      else answered.resolve(response);
    };
    stream.send(request);
    stream.end();
    return await answered.promise;
  } finally {
    timer.cancel();
    connection.close();
  }
}

/** What each code of the wire means here; the rest is "join-unavailable". */
const ERROR_CODES: Readonly<Partial<Record<StreamErrorCode, ClusterErrorCode>>> = {
  invalid_argument: "join-invalid",
  // Said on this side: the other one has not shown the CA that the token names.
  unauthenticated: "join-untrusted",
  permission_denied: "token-refused",
  failed_precondition: "join-name-taken",
  resource_exhausted: "join-throttled",
};

const ADVICE: Readonly<Partial<Record<ClusterErrorCode, string>>> = {
  "join-invalid": "correct the node's configuration",
  "token-refused":
    "make a new token with `skerry cluster join-token` and try again; if an earlier try was cut off, the token may have been used up by it, and the node keeps its place",
  "join-untrusted": "check that the address and the token are of the same cluster",
  "join-name-taken":
    "a node of this name is in the cluster, with another disk: give this one another name, or take the old one out first (on a node that is alive: `skerry cluster remove NAME`, with --force when its disk is gone)",
  "join-throttled": "try again in a minute",
};

function refusal(address: SocketAddress, code: StreamErrorCode, message: string): ClusterError {
  const clusterCode = ERROR_CODES[code] ?? "join-unavailable";
  const advice =
    ADVICE[clusterCode] ??
    "check the address, that the node there is running, that the clocks of both machines are right, and that the token is of its cluster";
  return new ClusterError(clusterCode, `${formatAddress(address)}: ${message}`, advice, {
    cause: new StreamFailure(code, message),
  });
}

/** Nothing of the answer is kept before all of it fits the token and this node's key. */
async function verifiedIdentity(
  response: JoinResponse,
  draft: JoiningDraft,
  caFingerprint: string,
): Promise<NodeIdentity> {
  const identity: NodeIdentity = {
    clusterId: response.clusterId,
    nodeId: Number(response.nodeId),
    name: draft.name,
    incarnation: draft.incarnation,
    certificatePem: response.certificatePem,
    privateKeyPem: draft.privateKeyPem,
    caCertificatePem: response.caCertificatePem,
    keyEncryptionKey: response.keyEncryptionKey,
  };
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(identity.clusterId) || !(identity.nodeId > 0)) {
    throw untrusted("the answer names no cluster and node");
  }
  if (identity.keyEncryptionKey.length !== KEY_ENCRYPTION_KEY_BYTES) throw untrusted("the answer has no key");
  try {
    if ((await certificateFingerprint(identity.caCertificatePem)) !== caFingerprint) {
      throw untrusted("the answer has another CA than the token");
    }
    await checkNodeCertificate(identity);
  } catch (error) {
    if (error instanceof ClusterError && error.code === "certificate-invalid")
      throw untrusted(error.message, error);
    throw error;
  }
  return identity;
}

function untrusted(message: string, cause?: unknown): ClusterError {
  return new ClusterError(
    "join-untrusted",
    message,
    "check that the address and the token are of the same cluster",
    {
      cause,
    },
  );
}
