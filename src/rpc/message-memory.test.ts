/** The promise: messages of callers take a bounded part of the node's memory, and nobody takes the part of all others. */
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.js";
import { type HeldBytes, MessageMemory } from "./message-memory.ts";

const LIMITS = { maxHeldBytes: 1000, maxHeldBytesPerConnection: 300 };

/** The limit that stands against it; undefined: taken. */
function refusal(held: HeldBytes, bytes: number): string | undefined {
  try {
    held.take(bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return error.findDetails(ErrorInfoSchema)[0]?.metadata["limit"] ?? error.rawMessage;
  }
}

describe("the memory of messages", () => {
  it("is bounded on each connection, and given back", () => {
    const memory = new MessageMemory(LIMITS);
    const connection = {};
    const [one, two] = [memory.hold(connection, () => "a"), memory.hold(connection, () => "b")];
    expect([refusal(one, 200), refusal(two, 101)]).toEqual([undefined, "maxHeldBytesPerConnection"]);
    // Whoever is refused holds nothing, and takes nothing more.
    expect([memory.bytes, refusal(two, 1)]).toEqual([200, "the call is over"]);
    const three = memory.hold(connection, () => "b");
    expect([refusal(three, 100), refusal(three, 1)]).toEqual([undefined, "maxHeldBytesPerConnection"]);
    one.passOn();
    expect([memory.bytes, refusal(one, 300)]).toEqual([0, undefined]);
    one.release();
    one.release();
    expect(memory.bytes).toBe(0);
  });

  it("leaves as much to others as one caller has, over all of its connections", () => {
    const memory = new MessageMemory(LIMITS);
    const take = (caller: string) => {
      for (let taken = 0; ; taken += 10)
        if (
          refusal(
            memory.hold({}, () => caller),
            10,
          ) !== undefined
        )
          return taken;
    };
    expect([take("greedy"), take("second"), take("third")]).toEqual([500, 250, 120]);
    expect(memory.bytes).toBe(870);
    expect(
      refusal(
        memory.hold({}, () => "greedy"),
        1,
      ),
    ).toBe("maxHeldBytes");
    expect(
      refusal(
        memory.hold({}, () => "newcomer"),
        60,
      ),
    ).toBeUndefined();
  });

  it("asks who calls when the first byte comes", () => {
    const memory = new MessageMemory(LIMITS);
    let asked = 0;
    const held = memory.hold({}, () => `caller ${++asked}`);
    expect(asked).toBe(0);
    held.take(1);
    held.take(1);
    expect(asked).toBe(1);
  });
});
