/** The promise: a history never takes for refused what may have happened, nor for unknown what Skerry must not answer. */
import { expect, it } from "vitest";
import type { ObjectInput } from "../../src/sim/checkers/linearizability/index.ts";
import { outcomeOfError } from "./client-errors.ts";

const at = { bucket: "b", key: "k" };
const get: ObjectInput = { kind: "get", ...at };
const head: ObjectInput = { kind: "head", ...at };
const put: ObjectInput = { kind: "put", content: "c", ...at };
const create: ObjectInput = { ...put, ifAbsent: true };
const replace: ObjectInput = { ...put, ifMatch: "d" };
const remove: ObjectInput = { kind: "delete", ...at };

const answer = (httpStatusCode: number, name: string) => ({ name, $metadata: { httpStatusCode } });

it.each([
  [get, answer(404, "NoSuchKey"), "returned"],
  [head, answer(404, "NotFound"), "returned"],
  [create, answer(412, "PreconditionFailed"), "returned"],
  [replace, answer(404, "NoSuchKey"), "returned"],
  [put, answer(503, "ServiceUnavailable"), "refused"],
  [put, answer(507, "InsufficientStorage"), "refused"],
  [head, answer(503, "Unknown"), "refused"],
  [head, answer(403, "Unknown"), "refused"],
  [put, answer(403, "RequestTimeTooSkewed"), "refused"],
  [remove, { name: "Error", code: "ECONNREFUSED" }, "refused"],
  [put, { name: "Error", code: "ECONNRESET" }, "unknown"],
  [put, { name: "AbortError" }, "unknown"],
  [remove, answer(500, "InternalError"), "unknown"],
  [get, { name: "Error", message: "aborted" }, "unknown"],
  // Without a condition nothing can fail; and what else there is would be a bug.
  [put, answer(412, "PreconditionFailed"), "wrong"],
  [put, answer(404, "NoSuchBucket"), "wrong"],
  [create, answer(404, "NoSuchBucket"), "wrong"],
  [get, answer(403, "SignatureDoesNotMatch"), "wrong"],
  [get, new TypeError("a bug of the test"), "wrong"],
] as const)("%j: %j is %s", (input, error, kind) => {
  expect(outcomeOfError(error, input).kind).toBe(kind);
});
