import { type CommandResult, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { ObjectEncryption } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../../meta/index.ts";
import type { ObjectContext } from "../context.ts";
import type { WrappedDataKey } from "./object-keys.ts";

/** How often a command is proposed because the key that wraps its data key was rotated meanwhile. */
const ATTEMPTS = 4;

/**
 * Proposes a command with a new wrapping in it. What comes into being is wrapped by the newest version of its key: where the key was rotated since the data key
 * was wrapped, during a long upload or unknown to this node, the data key is wrapped anew and the client notices nothing.
 */
export async function submitWrapped(
  context: ObjectContext,
  wrapped: WrappedDataKey | undefined,
  body: (row: ObjectEncryption | undefined) => CommandBody,
): Promise<CommandResult> {
  if (wrapped === undefined) return await context.submit(body(undefined));
  let { row } = wrapped;
  for (let attempt = 1; ; attempt++) {
    const result = await context.submit(body(row));
    if (!isRetired(result) || attempt === ATTEMPTS) return result;
    await context.barrier();
    row = await context.keys.renew({ row, dataKey: wrapped.dataKey });
  }
}

function isRetired({ result }: CommandResult): boolean {
  return result.case === "refusal" && result.value.code === RefusalCode.ENCRYPTION_KEY_RETIRED;
}
