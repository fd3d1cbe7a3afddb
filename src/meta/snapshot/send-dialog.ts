import { fromBinary } from "@bufbuild/protobuf";
import { concatBytes } from "../../base/index.ts";
import { type SendResponse, SendResponseSchema } from "../../gen/skerry/meta/v1/snapshot_pb.js";
import { type MessageStream, StreamFailure, type Timer, type Timers } from "../../platform/index.ts";

/** Nothing moved for so long: the attempt is given up. Verifying and installing a large snapshot takes its time. */
const STALL_TIMEOUT_MS = 10 * 60 * 1000;

/** The sender's end of a stream as calls that are awaited one after the other. */
export class SendDialog {
  readonly #stream: MessageStream;
  readonly #timers: Timers;
  #answers: SendResponse[] = [];
  #waiting: PromiseWithResolvers<SendResponse> | undefined;
  #ended: StreamFailure | undefined;

  constructor(stream: MessageStream, timers: Timers) {
    this.#stream = stream;
    this.#timers = timers;
    stream.onMessage = (pieces) => this.#received(concatBytes(pieces));
    stream.onEnd = () => this.#endWith(new StreamFailure("unavailable", "the peer sent no answer"));
    stream.onClose = (error) =>
      this.#endWith(
        new StreamFailure(error?.code ?? "unavailable", error?.message ?? "the stream was closed"),
      );
  }

  /** Resolves when there is room for more. */
  async send(message: Uint8Array): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#stream.send([message])) return;
    await this.#guarded(this.#stream.drained());
  }

  async receive(): Promise<SendResponse> {
    const answer = this.#answers.shift();
    if (answer !== undefined) return answer;
    if (this.#ended !== undefined) throw this.#ended;
    this.#waiting = Promise.withResolvers<SendResponse>();
    return await this.#guarded(this.#waiting.promise);
  }

  end(): void {
    this.#stream.end();
  }

  /** Ends the stream where it still stands. */
  fail(message: string): void {
    if (this.#ended === undefined) this.#stream.fail("aborted", message);
  }

  async #guarded<T>(promise: Promise<T>): Promise<T> {
    let timer: Timer | undefined;
    const stalled = new Promise<never>((_, reject) => {
      timer = this.#timers.after(STALL_TIMEOUT_MS, () =>
        reject(new StreamFailure("deadline_exceeded", "the snapshot stalled")),
      );
    });
    try {
      return await Promise.race([promise, stalled]);
    } finally {
      timer?.cancel();
    }
  }

  #received(bytes: Uint8Array): void {
    let answer: SendResponse;
    try {
      answer = fromBinary(SendResponseSchema, bytes);
    } catch {
      this.#stream.fail("invalid_argument", "not an answer");
      this.#endWith(new StreamFailure("invalid_argument", "the peer sent something else than an answer"));
      return;
    }
    if (this.#waiting === undefined) this.#answers.push(answer);
    else this.#waiting.resolve(answer);
    this.#waiting = undefined;
  }

  #endWith(failure: StreamFailure): void {
    this.#ended ??= failure;
    this.#waiting?.reject(failure);
    this.#waiting = undefined;
  }
}
