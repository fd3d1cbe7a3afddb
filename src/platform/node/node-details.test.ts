import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterAll, describe, expect, it } from "vitest";
import { EMPTY_BYTES } from "../../base/index.ts";
import { replaceFile } from "../durable-file.ts";
import { DiskError } from "../errors.ts";
import type { Digest, DiskFile, OpenMode, StoreChange } from "../ports.ts";
import { diskErrorOf } from "./disk-errors.ts";
import { LevelStores, NodeDisk, NodeHasher } from "./index.ts";
import { storeErrorOf } from "./level/errors.ts";
import { decodeStoredValue, storedValues } from "./level/stored-value.ts";

const root = mkdtempSync(join(tmpdir(), "skerry-node-"));
afterAll(() => rmSync(root, { recursive: true }));
const emptyDirectory = (): string => mkdtempSync(join(root, "t-"));

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof DiskError ? error.code : error),
  );
}

describe("disk errors", () => {
  it.each([
    ["ENOENT", "not-found"],
    ["ENOTDIR", "not-found"],
    ["EEXIST", "exists"],
    ["ENOTEMPTY", "exists"],
    ["ENOSPC", "no-space"],
    ["EDQUOT", "no-space"],
    ["EROFS", "read-only"],
    ["EPERM", "read-only"],
    ["EACCES", "read-only"],
    ["EIO", "io"],
    ["EMFILE", "io"],
    ["SOMETHING_ELSE", "io"],
  ])("%s is %s", (code, expected) => {
    const error = diskErrorOf(Object.assign(new Error("no"), { code }), "/p");
    expect(error).toBeInstanceOf(DiskError);
    expect(error).toMatchObject({ code: expected, path: "/p", message: "no" });
  });

  it.runIf(existsSync("/dev/full"))("a full disk is no-space", async () => {
    const file = await new NodeDisk().open("/dev/full", "read-write");
    expect(await codeOf(file.write(0, [Uint8Array.of(1)]))).toBe("no-space");
    expect(await codeOf(file.write(0, [Uint8Array.of(1), Uint8Array.of(2)]))).toBe("no-space");
    await file.close();
  });

  it.each([
    ["LEVEL_LOCKED", "lock /x/LOCK: already held by process", "locked"],
    ["LEVEL_IO_ERROR", "IO error: /x/1.log: No space left on device", "no-space"],
    ["LEVEL_IO_ERROR", "IO error: /x/1.log: Read-only file system", "read-only"],
    ["LEVEL_CORRUPTION", "Corruption: block checksum mismatch", "damaged"],
    ["LEVEL_IO_ERROR", "IO error: /x/1.log: Input/output error", "io"],
  ])("LevelDB's %s, %j, is %s", (code, message, expected) => {
    const cause = Object.assign(new Error(message), { code });
    const outer = Object.assign(new Error("Database is not open", { cause }), {
      code: "LEVEL_DATABASE_NOT_OPEN",
    });
    expect(storeErrorOf(outer, "/x")).toMatchObject({ name: "DiskError", code: expected, path: "/x" });
    expect(storeErrorOf(cause, "/x")).toMatchObject({ name: "DiskError", code: expected });
  });
});

describe("NodeDiskFile", () => {
  it("closes only when nothing uses it, so that no call ends up in another file", async () => {
    const disk = new NodeDisk();
    const directory = emptyDirectory();
    const file = await disk.open(`${directory}/a`, "create");
    const write = file.write(0, [new Uint8Array(1024 * 1024).fill(1)]);
    const sync = file.syncData();
    const closed = file.close();
    await Promise.all([write, sync, closed]);
    const again = await disk.open(`${directory}/a`, "read");
    expect(await again.sizeBytes()).toBe(1024 * 1024);
    await again.close();
  });
});

describe("a replaced file", () => {
  it("is its owner's alone before there is anything in it, whatever lay there", async () => {
    const path = `${emptyDirectory()}/key`;
    for (const left of [path, `${path}.new`]) {
      writeFileSync(left, "not a secret");
      chmodSync(left, 0o644);
    }
    const seen: unknown[] = [];
    const look = (at: string): void => {
      const { mode, size } = statSync(at);
      seen.push({ permissions: mode & 0o777, size });
    };
    class WatchedDisk extends NodeDisk {
      override async open(at: string, mode: OpenMode): Promise<DiskFile> {
        const file = await super.open(at, mode);
        look(at);
        return file;
      }
    }
    await replaceFile(new WatchedDisk(), path, new TextEncoder().encode("a secret"));
    look(path);
    expect(seen).toEqual([
      { permissions: 0o600, size: 0 },
      { permissions: 0o600, size: 8 },
    ]);
    expect(readFileSync(path, "utf8")).toBe("a secret");
  });
});

describe("stored values", () => {
  it("come back under their own key only, and only whole", () => {
    const changes: StoreChange[] = [
      { kind: "put", key: "before", value: Uint8Array.of(9) },
      { kind: "delete", key: "key" },
      { kind: "put", key: "key", value: Uint8Array.of(1, 2, 3) },
    ];
    const [before, deleted, stored = EMPTY_BYTES] = storedValues(changes);
    expect(decodeStoredValue("before", before ?? EMPTY_BYTES, "/d")).toEqual(Uint8Array.of(9));
    expect(deleted).toBeUndefined();
    expect(decodeStoredValue("key", stored, "/d")).toEqual(Uint8Array.of(1, 2, 3));
    expect(() => decodeStoredValue("kez", stored, "/d")).toThrow("does not match its checksum");
    expect(() => decodeStoredValue("key", stored.subarray(0, 6), "/d")).toThrow(
      "does not match its checksum",
    );
    expect(() => decodeStoredValue("key", stored.subarray(0, 3), "/d")).toThrow("too short for its checksum");
    for (let bit = 0; bit < stored.length * 8; bit++) {
      const flipped = stored.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeStoredValue("key", flipped, "/d")).toThrow(DiskError);
    }
  });

  it("a damaged row is refused by every way of reading it, and the others are not", async () => {
    const directory = emptyDirectory();
    const store = await new LevelStores(new NodeDisk()).open(directory);
    await store.write([
      { kind: "put", key: "good", value: Uint8Array.of(1) },
      { kind: "put", key: "bad", value: Uint8Array.of(1) },
    ]);
    await store.close();
    const raw = new ClassicLevel<string, Uint8Array>(directory, { valueEncoding: "view" });
    await raw.put("bad", new Uint8Array(5));
    await raw.close();
    const again = await new LevelStores(new NodeDisk()).open(directory);
    expect(again.get("good")).toEqual(Uint8Array.of(1));
    expect(() => again.get("bad")).toThrow(DiskError);
    expect(await codeOf(again.getMany(["bad"]))).toBe("damaged");
    expect(await codeOf(again.page({ limit: 5 }))).toBe("damaged");
    const scan = async (): Promise<void> => {
      for await (const row of again.scan({})) expect(row.key).toBe("good");
    };
    expect(await codeOf(scan())).toBe("damaged");
    await again.close();
  });
});

describe("NodeHasher", () => {
  const piece = new Uint8Array(1024 * 1024);

  async function fill(digest: Digest, pieces: number): Promise<void> {
    for (let i = 0; i < pieces; i++) await digest.update(piece);
  }

  it("a failed thread rejects the digests on it, and the next one gets a new thread", async () => {
    const hasher = new NodeHasher({ threads: 1 });
    const lost = hasher.start(["md5"], 8 * 1024 * 1024);
    await fill(lost, 2);
    await hasher.close();
    await expect(fill(lost, 8)).rejects.toThrow("a hash thread ended");
    await expect(lost.finish()).rejects.toThrow("a hash thread ended");
    const next = hasher.start(["md5"], 8 * 1024 * 1024);
    await fill(next, 2);
    expect(await next.finish()).toEqual([hasher.digest("md5", new Uint8Array(2 * 1024 * 1024))]);
    await hasher.close();
  });

  it("when all buffers are taken, a new stream is hashed on the calling thread, and streams that began go on", async () => {
    const hasher = new NodeHasher({ threads: 1 });
    const idle = Array.from({ length: 128 }, () => hasher.start(["md5"]));
    for (const digest of idle) await digest.update(Uint8Array.of(1));
    const late = hasher.start(["md5"], 4 * 1024 * 1024);
    await fill(late, 3);
    expect(await late.finish()).toEqual([hasher.digest("md5", new Uint8Array(3 * 1024 * 1024))]);
    await fill(idle[0]!, 2);
    const whole = new Uint8Array(2 * 1024 * 1024 + 1);
    whole[0] = 1;
    expect(await idle[0]!.finish()).toEqual([hasher.digest("md5", whole)]);
    for (const digest of idle.slice(1)) digest.abandon();
    const after = hasher.start(["md5"]);
    await fill(after, 2);
    expect(await after.finish()).toEqual([hasher.digest("md5", new Uint8Array(2 * 1024 * 1024))]);
    await hasher.close();
  });

  it("its threads and timers do not keep the process alive, but a digest that is waited for does", () => {
    const program = `
      const { NodeHasher, NodeTimers } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
      new NodeTimers().after(600_000, () => {});
      const digest = new NodeHasher().start(["md5"], 2 ** 22);
      for (let i = 0; i < 4; i++) await digest.update(new Uint8Array(2 ** 20));
      console.log(Buffer.from((await digest.finish())[0]).toString("hex"));
    `;
    const run = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      timeout: 25_000,
    });
    expect(run.stderr.replaceAll(/.*Warning.*\n/g, "")).toBe("");
    expect(run.stdout).toBe("b5cfa9d6c8febd618f91ac2843d50a1c\n");
    expect(run.status).toBe(0);
  });
});
