/**
 * Renewing this node's own certificate: with a new key, in good time, without asking anybody. The metadata's CA signs; the new files replace
 * the old ones in the identity directory; the network takes them up for new connections.
 */

import type { Clock } from "../platform/ports.ts";
import { certificateValidity, checkNodeCertificate, createNodeKey } from "./ca.ts";
import type { CertificateIssuer } from "./issuer.ts";
import type { NodeDirectory } from "./node-directory.ts";
import type { ClusterWorker, NodeIdentity } from "./ports.ts";

/** A certificate is renewed once less than this part of its life is left. */
export const RENEW_WHEN_LEFT = 1 / 3;
export const RENEWAL_CHECK_MS = 3600 * 1000;

/** Whether a certificate is over or nearly so. One whose time has not come yet is not. */
export function needsRenewal(certificatePem: string, nowMs: number): boolean {
  const { notBeforeMs, notAfterMs } = certificateValidity(certificatePem);
  return notAfterMs - nowMs < (notAfterMs - notBeforeMs) * RENEW_WHEN_LEFT;
}

export interface RenewalOptions {
  readonly directory: Pick<NodeDirectory, "load" | "replace">;
  readonly issuer: CertificateIssuer;
  readonly clock: Pick<Clock, "wallMs">;
  /** Called with the new identity once it is durable: the network's credentials change. */
  readonly onRenewed: (identity: NodeIdentity) => void | Promise<void>;
}

/**
 * Looks once an hour whether this node's certificate should be replaced, and does it. Runs on every node.
 *
 * A certificate whose time has not come yet was made by a clock that was ahead, and nobody would talk to the node until then; or the clock is
 * behind now, as that of a machine that has just started, and soon right. So it is replaced when an hour has not helped.
 */
export function certificateRenewalWorker(options: RenewalOptions): ClusterWorker {
  let wasTooEarly = false;
  const isDue = (certificatePem: string, nowMs: number): boolean => {
    const isTooEarly = nowMs < certificateValidity(certificatePem).notBeforeMs;
    const isStillTooEarly = isTooEarly && wasTooEarly;
    wasTooEarly = isTooEarly;
    return isStillTooEarly || needsRenewal(certificatePem, nowMs);
  };
  return {
    name: "certificate-renewal",
    idleMs: RENEWAL_CHECK_MS,
    runUnit: async () => {
      const stored = await options.directory.load();
      if (!isDue(stored.identity.certificatePem, options.clock.wallMs())) return "idle";
      const identity = await renewed(stored.identity, options.issuer);
      await options.directory.replace({ ...stored, identity });
      await options.onRenewed(identity);
      return "idle";
    },
  };
}

async function renewed(identity: NodeIdentity, issuer: CertificateIssuer): Promise<NodeIdentity> {
  const key = await createNodeKey();
  const issue = await issuer.prepare(key.certificateRequestPem);
  const certificatePem = await issue(identity.nodeId);
  const next = { ...identity, certificatePem, privateKeyPem: key.privateKeyPem };
  await checkNodeCertificate(next);
  return next;
}
