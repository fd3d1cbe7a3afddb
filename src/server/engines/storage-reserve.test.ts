import { describe, expect, it } from "vitest";
import { logGrowthBytes } from "../../raft/index.ts";
import { SimCluster } from "../../raft/testing/sim-cluster.ts";
import { openSegmentStore, type SegmentStore } from "../../segment/index.ts";
import { blobIdOf, chunkOf, SMALL, TEST_IDENTITY } from "../../segment/testing/harness.ts";
import { storageReserve } from "./storage-reserve.ts";

const MIB = 1024 * 1024;
const LOG = { walSegmentBytes: 16 * 1024, checkpointBytes: 24 * 1024, trailingBytes: 12 * 1024 };
const DISK_BYTES = 1024 * 1024;
const CHUNK_BYTES = 1000;

/** A node whose log and segments share a disk, which chunks have filled up to this reserve. */
async function fullNode(seed: string, reserveBytes: number, reclaimBytes = 0) {
  const cluster = new SimCluster(seed);
  const member = cluster.add(1);
  const settings = { ...LOG, checkpointEntries: 100_000, trailingEntries: 100_000 };
  await member.start({ bootstrap: { voters: [1] }, settings });
  await cluster.untilLeader();
  await cluster.simulation.runFor(100);
  member.machine.volume.faults.capacityBytes = DISK_BYTES;
  const { platform } = member.machine.boot();
  const run = <T>(promise: Promise<T>): Promise<T> => cluster.simulation.complete(promise, 600_000);
  const opening = openSegmentStore({
    ...platform,
    directory: "/data/segments",
    identity: TEST_IDENTITY,
    settings: { ...SMALL, reserveBytes, reclaimBytes },
  });
  const store: SegmentStore = await run(opening);
  let blobs = 0;
  for (; store.status().writable; blobs++) {
    const appended = store.append(chunkOf(blobs, 0, CHUNK_BYTES));
    await run(appended.catch(() => undefined));
  }
  return { cluster, member, store, blobs };
}

describe("a disk that segments have filled up to the reserve", () => {
  const values = Array.from({ length: 400 }, (_, i) => `${i} ${"x".repeat(1000)}`);

  it("has room for all that the log takes until it is cut, again and again", async () => {
    const { cluster, member } = await fullNode("reserve", logGrowthBytes(LOG));
    expect(DISK_BYTES - member.machine.volume.usedBytes()).toBeLessThan(
      logGrowthBytes(LOG) + CHUNK_BYTES * 2,
    );
    await cluster.write(member, values);
    expect(member.fatal).toEqual([]);
    expect(member.events.filter(({ kind }) => kind === "log-compacted").length).toBeGreaterThan(5);
  });

  it("gives back the space of what is deleted here and there while the log goes on", async () => {
    const reclaimBytes = 80 * 1024;
    const { cluster, member, store, blobs } = await fullNode(
      "reclaim",
      logGrowthBytes(LOG) + reclaimBytes,
      reclaimBytes,
    );
    const { segments } = store.status();
    const gone = Array.from({ length: blobs }, (_, blob) => blobIdOf(blob)).filter(
      (_, blob) => blob % 6 !== 0,
    );
    let movedBytes = 0;
    for (let begin = 0; begin < gone.length; begin += 100) {
      const run = async (): Promise<void> => {
        // Refused now and then, when what is dead has not made room yet: tried again, as a node does.
        while (
          !(await store.unlink(gone.slice(begin, begin + 100)).then(
            () => true,
            () => false,
          ))
        )
          movedBytes += await store.rewrite(100_000);
        movedBytes += await store.rewrite(100_000);
      };
      const running = run();
      await cluster.write(member, values.slice(0, 100));
      await cluster.simulation.complete(running, 600_000);
    }
    expect(movedBytes).toBeGreaterThan(0);
    expect(store.status().segments).toBeLessThan(segments / 2);
    expect(member.fatal).toEqual([]);
  });

  it("ends the node where the reserve is but half a segment of the log", async () => {
    const { cluster, member } = await fullNode("no reserve", LOG.walSegmentBytes / 2);
    for (const value of values) {
      member.raft.propose(new TextEncoder().encode(value));
      await cluster.simulation.runFor(10);
      if (member.fatal.length > 0) break;
    }
    expect(member.fatal).toMatchObject([{ kind: "wal" }]);
  });
});

describe("the reserve", () => {
  it("is as configured, and never less than the log needs and giving space back", () => {
    const reserve = (reserveMib: number, walMib: number) => {
      const config = { "storage.reserve": reserveMib * MIB, "raft.wal_segment_size": walMib * MIB };
      const { reserveBytes, reclaimBytes } = storageReserve(config);
      return [reserveBytes / MIB, reclaimBytes / MIB];
    };
    expect(reserve(512, 64)).toEqual([512, 240]);
    expect(reserve(64, 64)).toEqual([256, 48]);
    expect(reserve(64, 4)).toEqual([164, 48]);
    expect(reserve(512, 1024)).toEqual([2112, 48]);
  });
});
