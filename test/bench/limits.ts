/** The machine's own limits, measured in the same run as everything else: what a figure is a ratio of. */
import { createHash } from "node:crypto";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { connect, createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

export interface MachineLimits {
  readonly processor: string;
  readonly cores: number;
  readonly node: string;
  /** Append of 4 KiB with fdatasync, milliseconds. */
  readonly fsyncMs: { readonly p50: number; readonly p99: number };
  /** Durable sequential write, 4 MiB at a time, bytes a second. */
  readonly diskBytesPerSecond: number;
  /** One TCP connection over loopback, bytes a second. */
  readonly loopbackBytesPerSecond: number;
  /** One thread, bytes a second. */
  readonly md5BytesPerSecond: number;
}

export async function measureLimits(directory = tmpdir()): Promise<MachineLimits> {
  const processor = cpus()[0]?.model ?? "unknown";
  return {
    processor,
    cores: cpus().length,
    node: process.version,
    fsyncMs: measureFsync(directory),
    diskBytesPerSecond: measureDisk(directory),
    loopbackBytesPerSecond: await measureLoopback(),
    md5BytesPerSecond: measureMd5(),
  };
}

export function printLimits(limits: MachineLimits): void {
  const gb = (value: number) => `${(value / 1e9).toFixed(2)} GB/s`;
  console.log(`machine: ${limits.cores} x ${limits.processor}, Node ${limits.node}`);
  console.log(
    `  fdatasync of a 4 KiB append   p50 ${limits.fsyncMs.p50.toFixed(3)} ms, p99 ${limits.fsyncMs.p99.toFixed(3)} ms`,
  );
  console.log(`  durable sequential write      ${gb(limits.diskBytesPerSecond)}`);
  console.log(`  loopback, one connection      ${gb(limits.loopbackBytesPerSecond)}`);
  console.log(`  MD5, one thread               ${gb(limits.md5BytesPerSecond)}`);
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function withFile<T>(directory: string, use: (fd: number) => T): T {
  const folder = mkdtempSync(join(directory, "skerry-limits-"));
  const fd = openSync(join(folder, "file"), "w");
  try {
    return use(fd);
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

function measureFsync(directory: string): { p50: number; p99: number } {
  return withFile(directory, (fd) => {
    const block = Buffer.alloc(4096, 7);
    const times: number[] = [];
    for (let round = 0; round < 500; round++) {
      const begun = performance.now();
      writeSync(fd, block);
      fdatasyncSync(fd);
      times.push(performance.now() - begun);
    }
    times.sort((a, b) => a - b);
    return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
  });
}

function measureDisk(directory: string): number {
  return withFile(directory, (fd) => {
    const block = Buffer.alloc(4 * 1024 * 1024, 7);
    const begun = performance.now();
    const rounds = 64;
    for (let round = 0; round < rounds; round++) {
      writeSync(fd, block);
      fdatasyncSync(fd);
    }
    return (rounds * block.length * 1000) / (performance.now() - begun);
  });
}

async function measureLoopback(): Promise<number> {
  const total = 1024 * 1024 * 1024;
  const block = Buffer.alloc(1024 * 1024, 7);
  const server = createServer((socket) => {
    let sent = 0;
    const push = (): void => {
      while (sent < total) {
        sent += block.length;
        if (!socket.write(block)) return void socket.once("drain", push);
      }
      socket.end();
    };
    push();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const begun = performance.now();
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("data", () => undefined);
    socket.on("end", resolve);
    socket.on("error", reject);
  });
  const rate = (total * 1000) / (performance.now() - begun);
  server.close();
  return rate;
}

function measureMd5(): number {
  const block = Buffer.alloc(8 * 1024 * 1024, 7);
  const hash = createHash("md5");
  const begun = performance.now();
  for (let round = 0; round < 16; round++) hash.update(block);
  hash.digest();
  return (16 * block.length * 1000) / (performance.now() - begun);
}
