/** Short ways to make the results that commands give. */

import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  type Refusal,
  type RefusalCode,
  RefusalSchema,
} from "../gen/skerry/meta/v1/commands_pb.js";

export function refused(code: RefusalCode, detail: string): CommandResult {
  return create(CommandResultSchema, { result: { case: "refusal", value: refusal(code, detail) } });
}

export function refusal(code: RefusalCode, detail: string): Refusal {
  return create(RefusalSchema, { code, detail });
}

export function refusedWith(value: Refusal): CommandResult {
  return create(CommandResultSchema, { result: { case: "refusal", value } });
}

export function done(): CommandResult {
  return create(CommandResultSchema, { result: { case: "done", value: {} } });
}
