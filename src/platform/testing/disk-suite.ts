import { describe, expect, it } from "vitest";
import { readSmallFile, removeIfPresent, replaceFile } from "../durable-file.ts";
import { DiskError } from "../errors.ts";
import type { Disk, DiskErrorCode } from "../ports.ts";

/** A disk with an empty directory to work in, and a way to let what it does happen. */
export interface DiskUnderTest {
  readonly disk: Disk;
  /** Absolute; exists and is empty. */
  readonly directory: string;
  run<T>(promise: Promise<T>): Promise<T>;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What `Disk` and `DiskFile` promise. */
export function diskSuite(name: string, create: () => Promise<DiskUnderTest>): void {
  describe(`${name}: Disk`, () => {
    filesAndBytes(create);
    directories(create);
    replacements(create);
    refusals(create);
  });
}

async function expectCode(promise: Promise<unknown>, code: DiskErrorCode): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DiskError);
  expect((error as DiskError).code).toBe(code);
}

function filesAndBytes(create: () => Promise<DiskUnderTest>): void {
  it("reads back what was written, in parts, at any position", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    await run(file.write(0, [text("hello "), text(""), text("wide "), text("world")]));
    await run(file.write(6, [text("WIDE")]));
    const into = new Uint8Array(16);
    expect(await run(file.read(0, into))).toBe(16);
    expect(into).toEqual(text("hello WIDE world"));
    expect(await run(file.sizeBytes())).toBe(16);
    await run(file.close());
  });

  it("a read gives fewer bytes only at the end of the file", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    await run(file.write(0, [text("abc")]));
    const into = new Uint8Array(8).fill(7);
    expect(await run(file.read(1, into))).toBe(2);
    expect(into).toEqual(Uint8Array.of(98, 99, 7, 7, 7, 7, 7, 7));
    expect(await run(file.read(3, into))).toBe(0);
    expect(await run(file.read(100, into))).toBe(0);
    expect(await run(file.read(0, new Uint8Array(0)))).toBe(0);
    await run(file.close());
  });

  it("a write beyond the end fills the hole with zeros", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    await run(file.write(3, [text("x")]));
    const into = new Uint8Array(4).fill(9);
    expect(await run(file.read(0, into))).toBe(4);
    expect(into).toEqual(Uint8Array.of(0, 0, 0, 120));
    await run(file.close());
  });

  it("writes more parts than one system call takes", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    const parts = Array.from({ length: 3000 }, (_, i) => Uint8Array.of(i & 255, i >> 8));
    await run(file.write(5, parts));
    const into = new Uint8Array(6000);
    expect(await run(file.read(5, into))).toBe(6000);
    expect(into).toEqual(Uint8Array.from(parts.flatMap((part) => [...part])));
    await run(file.close());
  });

  it("takes bytes on shared memory", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set(text("abcd"));
    await run(file.write(0, [shared.subarray(1), shared]));
    const into = new Uint8Array(new SharedArrayBuffer(7));
    expect(await run(file.read(0, into))).toBe(7);
    expect(new TextDecoder().decode(into.slice())).toBe("bcdabcd");
    await run(file.close());
  });

  it("truncation cuts off, and growing again gives zeros", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    await run(file.write(0, [text("abcdef")]));
    await run(file.truncate(2));
    expect(await run(file.sizeBytes())).toBe(2);
    await run(file.truncate(4));
    const into = new Uint8Array(4);
    expect(await run(file.read(0, into))).toBe(4);
    expect(into).toEqual(Uint8Array.of(97, 98, 0, 0));
    await run(file.close());
  });

  it("concurrent writes to different places all arrive", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    const writes = Array.from({ length: 50 }, (_, i) => file.write(i * 4, [Uint8Array.of(i, i, i, i)]));
    await run(Promise.all([...writes, file.syncData()]));
    const into = new Uint8Array(200);
    await run(file.read(0, into));
    expect(into).toEqual(Uint8Array.from({ length: 200 }, (_, i) => i >> 2));
    await run(file.close());
  });

  it("a file stays readable through its handle after its name has gone", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    await run(file.write(0, [text("abc")]));
    await run(disk.remove(`${directory}/f`));
    const into = new Uint8Array(3);
    expect(await run(file.read(0, into))).toBe(3);
    expect(await run(disk.exists(`${directory}/f`))).toBe(false);
    await run(file.close());
  });
}

function directories(create: () => Promise<DiskUnderTest>): void {
  it("lists entries by name in byte order, with their kinds", async () => {
    const { disk, directory, run } = await create();
    // U+10000 sorts after U+FFFD by bytes and before it by UTF-16 units.
    for (const name of ["b", "a", "\u{10000}", "\ufffd", "B"]) {
      await run((await run(disk.open(`${directory}/${name}`, "create"))).close());
    }
    await run(disk.makeDirectory(`${directory}/d`));
    expect(await run(disk.list(directory))).toEqual([
      { name: "B", kind: "file" },
      { name: "a", kind: "file" },
      { name: "b", kind: "file" },
      { name: "d", kind: "directory" },
      { name: "\ufffd", kind: "file" },
      { name: "\u{10000}", kind: "file" },
    ]);
  });

  it("makes directories with their parents, and again", async () => {
    const { disk, directory, run } = await create();
    await run(disk.makeDirectory(`${directory}/x/y/z`));
    await run(disk.makeDirectory(`${directory}/x/y/z`));
    expect(await run(disk.exists(`${directory}/x/y/z`))).toBe(true);
    await run(disk.syncDirectory(`${directory}/x/y`));
  });

  it("renames files, replacing what was there, and directories with what is in them", async () => {
    const { disk, directory, run } = await create();
    for (const name of ["old", "new"]) {
      const file = await run(disk.open(`${directory}/${name}`, "create"));
      await run(file.write(0, [text(name)]));
      await run(file.close());
    }
    await run(disk.rename(`${directory}/new`, `${directory}/old`));
    const file = await run(disk.open(`${directory}/old`, "read"));
    const into = new Uint8Array(3);
    await run(file.read(0, into));
    expect(into).toEqual(text("new"));
    await run(file.close());
    await run(disk.makeDirectory(`${directory}/a/b`));
    await run(disk.rename(`${directory}/a`, `${directory}/c`));
    expect(await run(disk.exists(`${directory}/c/b`))).toBe(true);
    expect(await run(disk.exists(`${directory}/a`))).toBe(false);
  });

  it("removes trees, and trees that are not there", async () => {
    const { disk, directory, run } = await create();
    await run(disk.makeDirectory(`${directory}/t/u`));
    await run((await run(disk.open(`${directory}/t/u/f`, "create"))).close());
    await run(disk.removeTree(`${directory}/t`));
    await run(disk.removeTree(`${directory}/t`));
    expect(await run(disk.list(directory))).toEqual([]);
  });

  it("tells how much space there is", async () => {
    const { disk, directory, run } = await create();
    const space = await run(disk.space(directory));
    expect(space.totalBytes).toBeGreaterThan(0);
    expect(space.freeBytes).toBeGreaterThanOrEqual(0);
    expect(space.freeBytes).toBeLessThanOrEqual(space.totalBytes);
  });
}

function replacements(create: () => Promise<DiskUnderTest>): void {
  it("replaces a file as a whole, there or not, and leaves nothing beside it", async () => {
    const { disk, directory, run } = await create();
    expect(await run(readSmallFile(disk, `${directory}/f`))).toBeUndefined();
    for (const content of ["first", "the second", "", "4th"]) {
      await run(replaceFile(disk, `${directory}/f`, text(content)));
      expect(await run(readSmallFile(disk, `${directory}/f`))).toEqual(text(content));
    }
    expect(await run(disk.list(directory))).toEqual([{ name: "f", kind: "file" }]);
  });

  it("replaces a file in spite of what an interrupted replacement has left", async () => {
    const { disk, directory, run } = await create();
    await run(replaceFile(disk, `${directory}/f`, text("before")));
    await run(replaceFile(disk, `${directory}/f.new`, text("longer than what is to come")));
    await run(replaceFile(disk, `${directory}/f`, text("after")));
    expect(await run(readSmallFile(disk, `${directory}/f`))).toEqual(text("after"));
    expect(await run(disk.list(directory))).toEqual([{ name: "f", kind: "file" }]);
  });

  it("reads no more of a file than a small one has", async () => {
    const { disk, directory, run } = await create();
    await run(replaceFile(disk, `${directory}/f`, new Uint8Array(300 * 1024)));
    expect((await run(readSmallFile(disk, `${directory}/f`)))?.length).toBe(256 * 1024);
  });

  it("removes a file that is there or not", async () => {
    const { disk, directory, run } = await create();
    await run(replaceFile(disk, `${directory}/f`, text("x")));
    for (let i = 0; i < 2; i++) {
      await run(removeIfPresent(disk, `${directory}/f`));
      expect(await run(disk.list(directory))).toEqual([]);
    }
  });

  it("replaces no file in a directory that does not exist", async () => {
    const { disk, directory, run } = await create();
    await expectCode(run(replaceFile(disk, `${directory}/missing/f`, text("x"))), "not-found");
    expect(await run(readSmallFile(disk, `${directory}/missing/f`))).toBeUndefined();
  });
}

function refusals(create: () => Promise<DiskUnderTest>): void {
  it("refuses what does not exist with not-found", async () => {
    const { disk, directory, run } = await create();
    const missing = `${directory}/missing`;
    await expectCode(run(disk.open(missing, "read")), "not-found");
    await expectCode(run(disk.open(missing, "read-write")), "not-found");
    await expectCode(run(disk.open(`${missing}/f`, "create")), "not-found");
    await expectCode(run(disk.list(missing)), "not-found");
    await expectCode(run(disk.remove(missing)), "not-found");
    await expectCode(run(disk.rename(missing, `${directory}/x`)), "not-found");
    await expectCode(run(disk.syncDirectory(missing)), "not-found");
    await expectCode(run(disk.space(missing)), "not-found");
    expect(await run(disk.exists(missing))).toBe(false);
  });

  it("refuses to create what exists with exists", async () => {
    const { disk, directory, run } = await create();
    await run((await run(disk.open(`${directory}/f`, "create"))).close());
    await expectCode(run(disk.open(`${directory}/f`, "create")), "exists");
    await expectCode(run(disk.makeDirectory(`${directory}/f`)), "exists");
    await run(disk.makeDirectory(`${directory}/full/d`));
    await run(disk.makeDirectory(`${directory}/d`));
    await expectCode(run(disk.rename(`${directory}/d`, `${directory}/full`)), "exists");
  });

  it("takes nothing below a file for a path", async () => {
    const { disk, directory, run } = await create();
    await run((await run(disk.open(`${directory}/f`, "create"))).close());
    await expectCode(run(disk.open(`${directory}/f/g`, "read")), "not-found");
    expect(await run(disk.exists(`${directory}/f/g`))).toBe(false);
  });

  it("refuses to write to a file that is open for reading, and to use one that is closed", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    const reader = await run(disk.open(`${directory}/f`, "read"));
    await expectCode(run(reader.write(0, [text("x")])), "io");
    await run(reader.close());
    await run(file.close());
    await run(file.close());
    await expectCode(run(file.read(0, new Uint8Array(1))), "io");
    await expectCode(run(file.write(0, [text("x")])), "io");
    await expectCode(run(file.syncData()), "io");
    await expectCode(run(file.sizeBytes()), "io");
  });

  it("refuses positions that are none", async () => {
    const { disk, directory, run } = await create();
    const file = await run(disk.open(`${directory}/f`, "create"));
    await expect(run(file.read(-1, new Uint8Array(1)))).rejects.toThrow(
      "a position in a file is a whole number",
    );
    await expect(run(file.write(0.5, [text("x")]))).rejects.toThrow("a position in a file is a whole number");
    await run(file.close());
  });
}
