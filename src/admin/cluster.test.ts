import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { createClusterCa } from "../cluster/ca.ts";
import { type CommandResult, PutJoinTokenSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { MAX_JOIN_TOKENS } from "../meta/limits.ts";
import { LiveStore } from "../meta/live-store.ts";
import type { CommandBody } from "../meta/ports.ts";
import { initCluster } from "../meta/testing/commands.ts";
import { Replica } from "../meta/testing/harness.ts";
import { StateView } from "../meta/view.ts";
import { NodeRandom, PlainHasher } from "../platform/node/index.ts";
import { ClusterAdministration, type ClusterAdminOptions } from "./cluster.ts";

const HOUR_MS = 3600 * 1000;

/** The administration of a cluster of one replica, with a wall clock that stands at `wallMs`. */
async function administration(wallMs: number) {
  const random = new NodeRandom();
  const ca = await createClusterCa({ clusterId: "cluster", nowMs: wallMs, random });
  const replica = new Replica();
  replica.timeMs = wallMs;
  replica.run(initCluster({ caCertificatePem: ca.certificatePem }));
  const metadata = {
    get view() {
      return new StateView(new LiveStore(replica.store), {
        index: () => replica.state.appliedIndex,
        timeMs: () => replica.timeMs,
      });
    },
    barrier: async () => 0,
    submit: async (body: CommandBody): Promise<CommandResult> => replica.run(body),
  };
  const admin = new ClusterAdministration({
    metadata,
    random,
    hasher: new PlainHasher(),
    clock: { wallMs: () => wallMs },
    health: { peer: () => ({ state: "alive" }) },
  } as unknown as ClusterAdminOptions);
  return { admin, replica, metadata };
}

test("tokens that have expired make room for new ones", async () => {
  const { admin, replica, metadata } = await administration(1_800_000_000_000);
  for (let count = 0; count < MAX_JOIN_TOKENS; count++) {
    const tokenHash = new Uint8Array(32);
    new DataView(tokenHash.buffer).setUint32(0, count);
    const token = { tokenId: `old-${count}`, tokenHash, expiresAtMs: BigInt(replica.timeMs + HOUR_MS) };
    replica.run({ case: "putJoinToken", value: create(PutJoinTokenSchema, { token }) });
  }
  await expect(admin.createJoinToken(HOUR_MS)).rejects.toThrow("too many tokens");
  replica.timeMs += HOUR_MS;
  await admin.createJoinToken(HOUR_MS);
  const left = await metadata.view.joinTokens();
  expect(left).toHaveLength(1);
  expect(left[0]!.tokenId).not.toContain("old");
  expect(await replica.violations()).toEqual([]);
});

test("a token is valid for its time by the time of the cluster, which a clock that was ahead has taken along", async () => {
  const wallMs = 1_800_000_000_000;
  const { admin, replica } = await administration(wallMs);
  replica.timeMs = wallMs + 30 * 24 * HOUR_MS;
  expect(await admin.createJoinToken(HOUR_MS)).toMatchObject({ expiresAtMs: replica.timeMs + HOUR_MS });
});
