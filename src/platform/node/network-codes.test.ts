import { constants } from "node:http2";
import { Code } from "@connectrpc/connect";
import { codeFromString, codeToString } from "@connectrpc/connect/protocol-connect";
import { describe, expect, it } from "vitest";
import type { StreamErrorCode } from "../ports.ts";
import {
  endStreamJson,
  errorOfReset,
  errorOfStatus,
  parseEndStream,
  parseErrorJson,
  statusOfCode,
} from "./network-codes.ts";

const CODES: readonly StreamErrorCode[] = [
  "canceled",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

describe("codes on the wire", () => {
  it.each(CODES)("%s is Connect's and survives the end of a stream", (code) => {
    expect(codeFromString(code)).toBeDefined();
    expect(parseEndStream(endStreamJson({ code, message: "why" }))).toEqual({
      kind: "error",
      error: { code, message: "why" },
    });
    expect(statusOfCode(code)).toBeGreaterThanOrEqual(400);
  });

  it("every code of Connect is understood", () => {
    const all = Object.values(Code).filter((code): code is Code => typeof code === "number");
    expect(all).toHaveLength(16);
    for (const code of all)
      expect(parseErrorJson({ code: codeToString(code) }), codeToString(code)).toBeDefined();
  });

  it.each([
    ["{}", { kind: "ok" }],
    ['{"metadata":{"a":["b"]}}', { kind: "ok" }],
    ['{"error":null}', { kind: "ok" }],
    ['{"error":{"code":"not_found"}}', { kind: "error", error: { code: "not_found", message: "" } }],
    [
      '{"error":{"code":"unknown","message":"x"}}',
      { kind: "error", error: { code: "internal", message: "x" } },
    ],
    ["", { kind: "malformed" }],
    ["{", { kind: "malformed" }],
    ["null", { kind: "malformed" }],
    ["[]", { kind: "malformed" }],
    ["7", { kind: "malformed" }],
    ['{"error":"bad"}', { kind: "malformed" }],
    ['{"error":{"code":"toString"}}', { kind: "malformed" }],
    ['{"error":{"code":5}}', { kind: "malformed" }],
  ])("the end of a stream %s", (json, expected) => {
    expect(parseEndStream(json)).toEqual(expected);
  });

  it.each([
    [404, "unimplemented"],
    [401, "unauthenticated"],
    [503, "unavailable"],
    [302, "internal"],
    [Number.NaN, "internal"],
  ])("a bare status %d is %s", (status, code) => {
    expect(errorOfStatus(status).code).toBe(code);
  });

  it.each([
    [constants.NGHTTP2_NO_ERROR, "canceled"],
    [constants.NGHTTP2_CANCEL, "canceled"],
    [constants.NGHTTP2_REFUSED_STREAM, "unavailable"],
    [constants.NGHTTP2_ENHANCE_YOUR_CALM, "resource_exhausted"],
    [constants.NGHTTP2_PROTOCOL_ERROR, "internal"],
  ])("a reset with %d is %s", (reset, code) => {
    expect(errorOfReset(reset).code).toBe(code);
  });

  it("messages are cut to a length", () => {
    expect(endStreamJson({ code: "internal", message: "x".repeat(5_000) }).length).toBeLessThan(1_100);
  });
});
