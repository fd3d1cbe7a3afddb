/** The promise: an answer is ended when its caller keeps the node waiting, and not when the node keeps its caller waiting. */
import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import type { Timers } from "../platform/index.ts";
import type { AnyResponse } from "./listener.ts";
import { OutgoingBodies } from "./outgoing-bodies.ts";

const STALL_MS = 100;
const PROGRESS_BYTES = 10;

/** An answer, and the time that passes while it is written. */
class Written extends EventEmitter {
  destroyed = false;
  writableFinished = false;
  #nowMs = 0;
  #sweep: (() => void) | undefined;
  readonly #bodies: OutgoingBodies;

  constructor() {
    super();
    const after = (_delayMs: number, sweep: () => void) => {
      this.#sweep = sweep;
      return { cancel: () => undefined };
    };
    this.#bodies = new OutgoingBodies({
      clock: { monotonicMs: () => this.#nowMs, wallMs: () => 0 },
      timers: { after } as Partial<Timers> as Timers,
      limits: { sendStallTimeoutMs: STALL_MS, minProgressBytes: PROGRESS_BYTES },
    });
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    const sweep = this.#sweep;
    this.#sweep = undefined;
    sweep?.();
  }

  body(pieces: AsyncIterable<Uint8Array>): AsyncIterator<Uint8Array> {
    return this.#bodies.open(pieces, this as unknown as AnyResponse)[Symbol.asyncIterator]();
  }

  ended(): void {
    this.#bodies.ended(this as unknown as AnyResponse);
  }
}

async function* pieces(written: Written, sizeBytes: number, makingMs = 0): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < 10; piece++) {
    written.pass(makingMs);
    yield new Uint8Array(sizeBytes);
  }
}

it("a caller that does not take a piece in time is cut off", async () => {
  const written = new Written();
  await written.body(pieces(written, PROGRESS_BYTES)).next();
  written.pass(STALL_MS - 1);
  expect(written.destroyed).toBe(false);
  written.pass(1);
  expect(written.destroyed).toBe(true);
});

it("how long pieces take to be made does not count, and with progress all is forgotten", async () => {
  const written = new Written();
  const body = written.body(pieces(written, PROGRESS_BYTES, 10 * STALL_MS));
  while ((await body.next()).done !== true) written.pass(STALL_MS - 1);
  expect(written.destroyed).toBe(false);
});

it("small progress does not count for much", async () => {
  const written = new Written();
  const body = written.body(pieces(written, 1));
  while (!written.destroyed && (await body.next()).done !== true) written.pass(STALL_MS / 5);
  expect(written.destroyed).toBe(true);
});

it("the end has to leave, too", async () => {
  for (const isDone of [true, false]) {
    const [streamed, whole] = [new Written(), new Written()];
    const body = streamed.body(pieces(streamed, PROGRESS_BYTES));
    while ((await body.next()).done !== true);
    whole.ended();
    for (const written of [streamed, whole]) {
      if (isDone) written.emit("finish");
      written.pass(STALL_MS);
      expect(written.destroyed).toBe(!isDone);
    }
  }
});

it("who leaves is told to whoever makes the pieces, and not watched any more", async () => {
  for (const leave of ["return", "throw"] as const) {
    const written = new Written();
    const told: string[] = [];
    async function* source() {
      try {
        for (;;) yield new Uint8Array(1);
      } catch (error) {
        told.push(String(error));
      } finally {
        told.push("over");
      }
    }
    const body = written.body(source());
    await body.next();
    await body[leave]?.(new Error("gone"));
    expect(told).toEqual(leave === "throw" ? ["Error: gone", "over"] : ["over"]);
    written.pass(STALL_MS);
    expect(written.destroyed).toBe(false);
  }
});
