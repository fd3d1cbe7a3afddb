import { describe, expect, test } from "vitest";
import type { Disk } from "../platform/index.ts";
import { SimMachine, Simulation } from "../platform/sim/index.ts";
import { type DirectoryState, NodeDirectory, type StoredIdentity } from "./node-directory.ts";

const DATA = "/data";
const LIMIT_MS = 60_000;

const stored: StoredIdentity = {
  identity: {
    clusterId: "cluster",
    nodeId: 3,
    name: "node-3",
    incarnation: "0123456789abcdef0123456789abcdef",
    certificatePem: "certificate",
    privateKeyPem: "private key",
    caCertificatePem: "ca certificate",
    keyEncryptionKey: new Uint8Array(32).fill(7),
  },
  createdAtMs: 1_750_000_000_000,
  foundingCaKeyPem: "ca key",
};

const renewed: StoredIdentity = {
  ...stored,
  identity: { ...stored.identity, certificatePem: "second certificate", privateKeyPem: "second private key" },
  foundingCaKeyPem: undefined,
};

const draft = { name: "node-3", incarnation: "ab".repeat(16), privateKeyPem: "private key" };

/** A machine with one data directory, each step in a process of its own. */
class Bench {
  readonly simulation: Simulation;
  readonly machine: SimMachine;

  constructor(seed = "node-directory") {
    this.simulation = new Simulation(seed);
    this.machine = new SimMachine(this.simulation, "m");
  }

  async run<T>(step: (directory: NodeDirectory, disk: Disk) => Promise<T>): Promise<T> {
    const { platform } = this.machine.boot();
    const directory = new NodeDirectory({
      disk: platform.disk,
      hasher: platform.hasher,
      dataDirectory: DATA,
    });
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    step(directory, platform.disk).then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    await this.simulation.runUntil(() => outcome !== undefined, LIMIT_MS);
    this.machine.kill();
    if (outcome === undefined) throw new Error("the step did not end");
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  /** Lets `step` do `operations` calls of the disk; all later ones fail, and then the power goes. */
  async cutShort(
    operations: number,
    unsynced: "keep" | "drop" | "random",
    step: (directory: NodeDirectory) => Promise<unknown>,
  ): Promise<{ readonly finished: boolean }> {
    let calls = 0;
    const { faults } = this.machine.volume;
    faults.intercept = () => (++calls > operations ? "io" : undefined);
    const finished = await this.run(step).then(
      () => true,
      () => false,
    );
    faults.intercept = undefined;
    this.machine.crash(unsynced);
    return { finished };
  }

  inspect(): Promise<DirectoryState> {
    return this.run((directory) => directory.inspect());
  }
}

async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, "create");
  await file.write(0, [new TextEncoder().encode(text)]);
  await file.syncData();
  await file.close();
}

describe("an identity", () => {
  test("is found again as it was written, also after a power loss", async () => {
    const bench = new Bench();
    expect(await bench.inspect()).toEqual({ kind: "fresh" });
    await bench.run((directory) => directory.create(stored));
    bench.machine.crash("drop");
    expect(await bench.inspect()).toEqual({ kind: "member", stored });
    expect(await bench.run((directory) => directory.load())).toEqual(stored);
  });

  test("is not written over", async () => {
    const bench = new Bench();
    await bench.run((directory) => directory.create(stored));
    const refused = expect.objectContaining({ code: "identity-exists" });
    await expect(bench.run((directory) => directory.create(stored))).rejects.toEqual(refused);
    await expect(bench.run((directory) => directory.saveDraft(draft))).rejects.toEqual(refused);
    const other = { ...renewed, identity: { ...renewed.identity, nodeId: 4 } };
    await expect(bench.run((directory) => directory.replace(other))).rejects.toEqual(refused);
    expect(await bench.inspect()).toEqual({ kind: "member", stored });
  });

  test("changes certificate and key, and leaves nothing of the old ones behind", async () => {
    const bench = new Bench();
    await bench.run((directory) => directory.saveDraft(draft));
    await bench.run((directory) => directory.create(stored));
    await bench.run((directory) => directory.replace(renewed));
    expect(await bench.inspect()).toEqual({ kind: "member", stored: renewed });
    const names = await bench.run((_, disk) => disk.list(`${DATA}/identity`));
    expect(names.map((entry) => entry.name)).toEqual([
      "ca-2.crt",
      "kek-2.bin",
      "node-2.crt",
      "node-2.key",
      "node.json",
    ]);
  });
});

describe("a directory without an identity", () => {
  test("is fresh when it holds nothing but what everybody's does", async () => {
    const bench = new Bench();
    await bench.run((_, disk) => disk.makeDirectory(`${DATA}/lost+found`));
    expect(await bench.inspect()).toEqual({ kind: "fresh" });
    await expect(bench.run((directory) => directory.load())).rejects.toMatchObject({
      code: "identity-missing",
    });
  });

  test("is refused when it holds data, whatever is asked of it", async () => {
    const bench = new Bench();
    await bench.run((_, disk) => disk.makeDirectory(`${DATA}/segments`));
    const refused = { code: "identity-missing", message: expect.stringContaining('"segments"') };
    await expect(bench.inspect()).rejects.toMatchObject(refused);
    await expect(bench.run((directory) => directory.create(stored))).rejects.toMatchObject(refused);
    await expect(bench.run((directory) => directory.saveDraft(draft))).rejects.toMatchObject(refused);
  });

  test("keeps what a join has begun with", async () => {
    const bench = new Bench();
    await bench.run((directory) => directory.saveDraft(draft));
    bench.machine.crash("drop");
    expect(await bench.inspect()).toEqual({ kind: "joining", draft });
  });
});

describe("an identity that does not fit together is refused", () => {
  async function member(): Promise<Bench> {
    const bench = new Bench();
    await bench.run((directory) => directory.create(stored));
    return bench;
  }

  test.each(["node-1.crt", "node-1.key", "ca-1.crt", "kek-1.bin", "founding-1.key"])(
    "%s is missing",
    async (name) => {
      const bench = await member();
      await bench.run((_, disk) => disk.remove(`${DATA}/identity/${name}`));
      await expect(bench.inspect()).rejects.toMatchObject({
        code: "identity-partial",
        message: expect.stringContaining(name),
        advice: expect.stringContaining("restore"),
      });
    },
  );

  test("node.json is missing", async () => {
    const bench = await member();
    await bench.run((_, disk) => disk.remove(`${DATA}/identity/node.json`));
    await expect(bench.inspect()).rejects.toMatchObject({ code: "identity-partial" });
    await expect(bench.run((directory) => directory.create(stored))).rejects.toMatchObject({
      code: "identity-partial",
    });
  });

  test.each(["node-1.crt", "node-1.key", "ca-1.crt", "kek-1.bin"])("%s is another one", async (name) => {
    const bench = await member();
    await replaceFile(bench, name, (text) => `${text} `);
    await expect(bench.inspect()).rejects.toMatchObject({ code: "identity-damaged" });
  });

  test.each([
    ["another node id", (text: string) => text.replace('"nodeId": 3', '"nodeId": 4')],
    ["cut short", (text: string) => text.slice(0, -20)],
    ["empty", () => ""],
    ["an array", () => "[]"],
    ["without its hash", (text: string) => text.replace(/,\s*"sha256": "[0-9a-f]{64}"\s*}\s*$/, "}")],
  ])("node.json is %s", async (_, change) => {
    const bench = await member();
    await replaceFile(bench, "node.json", change);
    await expect(bench.inspect()).rejects.toMatchObject({ code: "identity-damaged" });
  });

  test("node.json is of a version to come", async () => {
    const bench = await member();
    await replaceFile(bench, "node.json", (text) => text.replace('"format": 1', '"format": 2'));
    await expect(bench.inspect()).rejects.toMatchObject({
      code: "identity-version",
      advice: expect.stringContaining("program version"),
    });
  });

  test("joining.json is not readable", async () => {
    const bench = new Bench();
    await bench.run((directory) => directory.saveDraft(draft));
    await replaceFile(bench, "joining.json", (text) => text.slice(0, 10));
    await expect(bench.inspect()).rejects.toMatchObject({ code: "identity-damaged" });
  });
});

describe("a crash at any call of the disk", () => {
  const modes = ["keep", "drop", "random"] as const;

  test.each(modes)(
    "while the first identity is written leaves all of it or a refusal, %s",
    async (unsynced) => {
      let finished = false;
      let members = 0;
      for (let operations = 0; !finished; operations++) {
        const bench = new Bench(`create-${unsynced}-${operations}`);
        ({ finished } = await bench.cutShort(operations, unsynced, (directory) => directory.create(stored)));
        const state = await bench.inspect().catch((error: unknown) => error);
        if (state instanceof Error) expect(state).toMatchObject({ code: "identity-partial" });
        else if ("kind" in (state as object) && (state as DirectoryState).kind === "member") {
          members++;
          expect(state).toEqual({ kind: "member", stored });
        } else expect(state).toEqual({ kind: "fresh" });
        if (finished) expect(state).toEqual({ kind: "member", stored });
      }
      expect(members).toBeGreaterThan(0);
    },
  );

  test.each(modes)(
    "while a joining node becomes a member leaves it joining or a member, %s",
    async (unsynced) => {
      let finished = false;
      for (let operations = 0; !finished; operations++) {
        const bench = new Bench(`join-${unsynced}-${operations}`);
        await bench.run((directory) => directory.saveDraft(draft));
        ({ finished } = await bench.cutShort(operations, unsynced, (directory) => directory.create(stored)));
        const state = await bench.inspect();
        expect([
          { kind: "joining", draft },
          { kind: "member", stored },
        ]).toContainEqual(state);
        if (finished) expect(state.kind).toBe("member");
      }
    },
  );

  test.each(modes)(
    "while a certificate is renewed leaves the old identity or the new one, %s",
    async (unsynced) => {
      const seen = new Set<string>();
      let finished = false;
      for (let operations = 0; !finished; operations++) {
        const bench = new Bench(`renew-${unsynced}-${operations}`);
        await bench.run((directory) => directory.create(stored));
        ({ finished } = await bench.cutShort(operations, unsynced, (directory) =>
          directory.replace(renewed),
        ));
        const state = await bench.inspect();
        expect([
          { kind: "member", stored },
          { kind: "member", stored: renewed },
        ]).toContainEqual(state);
        seen.add(state.kind === "member" ? state.stored.identity.certificatePem : state.kind);
        // And another try ends well.
        await bench.run((directory) => directory.replace(renewed));
        expect(await bench.inspect()).toEqual({ kind: "member", stored: renewed });
      }
      expect(seen.size).toBe(2);
    },
  );
});

async function replaceFile(bench: Bench, name: string, change: (text: string) => string): Promise<void> {
  await bench.run(async (_, disk) => {
    const path = `${DATA}/identity/${name}`;
    const file = await disk.open(path, "read");
    const bytes = new Uint8Array(await file.sizeBytes());
    await file.read(0, bytes);
    await file.close();
    await disk.remove(path);
    await writeText(disk, path, change(new TextDecoder().decode(bytes)));
  });
}

describe("the life of a node", () => {
  test("begins anew, is remembered, and outlives a renewal of the certificate", async () => {
    const bench = new Bench();
    await bench.run((directory) => directory.create(stored));
    expect(await bench.run((directory) => directory.loadLife())).toEqual({ raftStarts: 0, removed: false });
    const life = { raftStarts: 3, removed: true };
    await bench.run((directory) => directory.saveLife(life));
    await bench.run((directory) => directory.replace(renewed));
    expect(await bench.run((directory) => directory.loadLife())).toEqual(life);
  });

  test.each([
    [
      "another number",
      "identity-damaged",
      (text: string) => text.replace('"raftStarts":3', '"raftStarts":2'),
    ],
    ["cut short", "identity-damaged", (text: string) => text.slice(0, 20)],
    ["empty", "identity-damaged", () => ""],
    ["of a version to come", "identity-version", (text: string) => text.replace('"format":1', '"format":2')],
  ])("is refused when its file is %s", async (_, code, change) => {
    const bench = new Bench();
    await bench.run((directory) => directory.create(stored));
    await bench.run((directory) => directory.saveLife({ raftStarts: 3, removed: false }));
    await replaceFile(bench, "life.json", change);
    await expect(bench.run((directory) => directory.loadLife())).rejects.toMatchObject({ code });
  });
});

describe("peers", () => {
  const peers = [{ nodeId: 1, incarnation: "i", peerAddress: "10.0.0.1:7400" }];

  test("are remembered", async () => {
    const bench = new Bench();
    await bench.run((directory) => directory.create(stored));
    await bench.run((directory) => directory.savePeers(peers));
    expect(await bench.run((directory) => directory.loadPeers())).toEqual(peers);
    await bench.run((directory) => directory.replace(renewed));
    expect(await bench.run((directory) => directory.loadPeers())).toEqual(peers);
  });

  test("are none when the file is missing or is nonsense", async () => {
    const bench = new Bench();
    await bench.run((directory) => directory.create(stored));
    expect(await bench.run((directory) => directory.loadPeers())).toEqual([]);
    await bench.run((_, disk) => writeText(disk, `${DATA}/identity/peers.json`, '[{"nodeId":"x"}, 7'));
    expect(await bench.run((directory) => directory.loadPeers())).toEqual([]);
    await bench.run((_, disk) => disk.remove(`${DATA}/identity/peers.json`));
    await bench.run((_, disk) => writeText(disk, `${DATA}/identity/peers.json`, '[{"nodeId":"x"}]'));
    expect(await bench.run((directory) => directory.loadPeers())).toEqual([]);
  });
});

describe("what is written at once is written one after the other", () => {
  const life = { raftStarts: 3, removed: true };
  const peersOf = (count: number) =>
    Array.from({ length: count }, (_, nodeId) => ({
      nodeId,
      incarnation: "i",
      peerAddress: "10.0.0.1:7400",
    }));

  test.each([
    ["the peers, twice", (directory: NodeDirectory) => directory.savePeers(peersOf(200))],
    ["the peers, while a certificate is renewed", (directory: NodeDirectory) => directory.replace(renewed)],
  ])("%s", async (_, other) => {
    for (let seed = 0; seed < 20; seed++) {
      const bench = new Bench(`at-once-${seed}`);
      await bench.run((directory) => directory.create(stored));
      await bench.run(async (directory) => {
        let isRunning = true;
        const running = other(directory).finally(() => {
          isRunning = false;
        });
        for (let round = 0; isRunning || round === 0; round++) {
          await directory.savePeers(peersOf(2)).catch((cause: unknown) => {
            throw new Error(`seed ${seed}, round ${round}`, { cause });
          });
          await directory.saveLife(life);
        }
        await running;
      });
      expect(await bench.run((directory) => directory.loadPeers())).toEqual(peersOf(2));
      expect(await bench.run((directory) => directory.loadLife())).toEqual(life);
    }
  });
});
