import { describe, expect, test } from "vitest";
import type { Disk } from "../../platform/index.ts";
import { numbered, rowsOf } from "../testing/rows.ts";
import { SimCluster } from "../testing/sim-cluster.ts";

async function readWhole(disk: Disk, path: string) {
  const file = await disk.open(path, "read");
  const bytes = new Uint8Array(await file.sizeBytes());
  await file.read(0, bytes);
  await file.close();
  return { path, bytes };
}

async function writeWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, "create");
  await file.write(0, [bytes]);
  await file.syncData();
  await file.close();
}

describe("the first start", () => {
  test("that crashed anywhere is made again", async () => {
    for (let events = 1; events < 60; events += 2) {
      const cluster = new SimCluster(`first-${events}`);
      const member = cluster.add(1);
      // `start` runs the simulation itself; the crash is an event among its events, and nothing comes of the start then.
      const crash = cluster.simulation.schedule(events * 0.05, () => member.crash("random"));
      await member.start({ bootstrap: { voters: [1] } }).catch(() => undefined);
      crash.cancel();
      if (member.group !== undefined) member.crash("random");
      await member.start({ bootstrap: { voters: [1] } });
      await cluster.write(await cluster.untilLeader(), ["one"]);
      expect(await rowsOf(cluster, member)).toEqual(["one"]);
    }
  });

  test("is refused when a log should be there", async () => {
    const cluster = new SimCluster("missing");
    await expect(cluster.add(1).start({ requireExisting: true })).rejects.toMatchObject({ code: "missing" });
  });

  test("is refused when the log is an older one, which was put there", async () => {
    const cluster = await SimCluster.ofThree("outdated");
    await cluster.write(await cluster.untilLeader(), numbered(1, 5));
    const member = cluster.member(2);
    const isLogFile = ({ path }: { readonly path: string }) => path.endsWith(".wal");
    const restart = async <T>(step: (disk: Disk) => Promise<T>) => {
      member.crash("keep");
      const done = await cluster.simulation.complete(step(member.machine.boot().platform.disk));
      member.machine.crash("keep");
      return done;
    };
    const backup = await restart((disk) =>
      Promise.all(
        member.machine.volume
          .files()
          .filter(isLogFile)
          .map(({ path }) => readWhole(disk, path)),
      ),
    );
    await member.start({ requireExisting: true });
    await cluster.write(await cluster.untilLeader(), numbered(6, 12));
    await cluster.untilEqual();
    await restart(async (disk) => {
      for (const { path } of member.machine.volume.files().filter(isLogFile)) await disk.remove(path);
      for (const { path, bytes } of backup) await writeWhole(disk, path, bytes);
    });
    await expect(member.start({ requireExisting: true })).rejects.toMatchObject({ code: "outdated" });
  });

  test("is refused when there is a state and no log, unless a backup is restored", async () => {
    const cluster = new SimCluster("backup");
    const member = cluster.add(1);
    await member.start({ bootstrap: { voters: [1] } });
    await cluster.write(await cluster.untilLeader(), ["kept"]);
    await cluster.simulation.complete(member.state.checkpoint());
    member.crash("drop");
    const { disk } = member.machine.boot().platform;
    await cluster.simulation.complete(disk.removeTree("/data/raft"));
    await expect(member.start({ bootstrap: { voters: [1] } })).rejects.toMatchObject({ code: "missing" });
    member.crash("keep");
    await member.start({ bootstrap: { voters: [1], restoredState: true } });
    await cluster.write(await cluster.untilLeader(), ["new"]);
    expect(await rowsOf(cluster, member)).toEqual(["kept", "new"]);
  });
});
