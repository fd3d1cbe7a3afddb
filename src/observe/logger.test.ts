import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { SimMachine, Simulation } from "../platform/sim/index.ts";
import { createLogger, type LogLevel, redact, redactText, Secret, SILENT_LOGGER } from "./index.ts";

const KNOWN_SECRETS = [
  "wJalrXUtnFEMI/K7MDENG",
  "sk_live_0123456789abcdef",
  "FQoGZXIvYXdzEJr",
  "hunter2hunter2",
  "MIIEvQIBADAN",
];

function capture(level: LogLevel = "debug") {
  const lines: string[] = [];
  const { clock } = new SimMachine(new Simulation(1), "m").boot().platform;
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, logger: createLogger({ level, clock, destination, fields: { nodeId: 3 } }) };
}

describe("Logger", () => {
  it("writes one JSON object a line, with level, time, fields and message", () => {
    const { lines, logger } = capture();
    logger.info("started", { port: 9000, takes: 12n });
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: "info",
        time: "2026-01-01T00:00:00.000Z",
        nodeId: 3,
        port: 9000,
        takes: "12",
        message: "started",
      },
    ]);
    expect(lines[0]?.endsWith("\n")).toBe(true);
  });

  it("a child adds its fields to each line and leaves its parent's alone", () => {
    const { lines, logger } = capture();
    logger.child({ requestId: "A1", token: "hunter2hunter2" }).warn("slow");
    logger.error("other");
    expect(JSON.parse(lines[0]!)).toMatchObject({
      level: "warn",
      nodeId: 3,
      requestId: "A1",
      token: "[redacted]",
    });
    expect(JSON.parse(lines[1]!)).not.toHaveProperty("requestId");
  });

  it("leaves out what is below its level", () => {
    const { lines, logger } = capture("warn");
    logger.debug("no");
    logger.info("no");
    logger.warn("yes");
    logger.error("yes");
    expect(lines).toHaveLength(2);
    const silent = capture("silent");
    silent.logger.error("no");
    SILENT_LOGGER.child({}).error("no");
    expect(silent.lines).toEqual([]);
  });

  it("shows errors with their causes and codes", () => {
    const { lines, logger } = capture();
    const error = Object.assign(new TypeError("outer", { cause: new Error("inner") }), { code: "io" });
    logger.error("failed", { error });
    const line = JSON.parse(lines[0]!) as { error: Record<string, unknown> };
    expect(line.error).toMatchObject({
      type: "TypeError",
      message: "outer",
      code: "io",
      cause: { message: "inner" },
    });
    expect(String(line.error.stack)).toContain("logger.test.ts");
  });

  it("lets no known secret through, wherever it hides", () => {
    const { lines, logger } = capture();
    const [secretKey, apiKey, sessionToken, password, pem] = KNOWN_SECRETS as [
      string,
      string,
      string,
      string,
      string,
    ];
    const headers = {
      Authorization: `AWS4-HMAC-SHA256 Credential=x, Signature=${secretKey}`,
      "X-Amz-Security-Token": sessionToken,
      cookie: `session=${password}`,
      "x-amz-server-side-encryption-customer-key": secretKey,
    };
    logger.info(`calling with Bearer ${apiKey}`, {
      headers,
      secretAccessKey: secretKey,
      nested: [{ deep: { password } }],
    });
    logger.warn("bad url", {
      url: `https://h/b/k?X-Amz-Signature=${password}&X-Amz-Security-Token=${sessionToken}&x=1`,
    });
    logger.error(`key ${apiKey} refused`, {
      error: new Error(`no such key ${apiKey}`),
      map: new Map([["token", password]]),
    });
    logger.info("pem", {
      text: `-----BEGIN PRIVATE KEY-----\n${pem}\n-----END PRIVATE KEY-----`,
      secret: new Secret(password),
    });
    logger.info("wrapped", { value: new Secret(password), list: new Set([new Secret(secretKey)]) });
    const all = lines.join("");
    for (const secret of KNOWN_SECRETS) expect(all).not.toContain(secret);
    expect(all).toContain("x=1");
  });
});

describe("redact", () => {
  it("keeps what is harmless as it is", () => {
    const value = {
      a: 1,
      b: "text",
      c: [true, null, undefined],
      d: { keyId: "AKIA", tokens: 5, keys: ["k"] },
    };
    expect(redact(value)).toEqual(value);
    expect(redact(new Date(0))).toBe("1970-01-01T00:00:00.000Z");
    expect(redact(new Date(Number.NaN))).toBe("[invalid date]");
    expect(redact({ token: undefined, password: null })).toEqual({ token: undefined, password: null });
  });

  it("cuts what is endless, deep, circular or bytes", () => {
    const circular: Record<string, unknown> = { name: "c" };
    circular.self = circular;
    expect(redact(circular)).toEqual({ name: "c", self: "[circular]" });
    const shared = { x: 1 };
    expect(redact([shared, shared])).toEqual([shared, shared]);
    expect(redact({ a: { b: { c: { d: { e: { f: { g: 1 } } } } } } })).toEqual({
      a: { b: { c: { d: { e: { f: "[deep]" } } } } },
    });
    expect(redact(new Uint8Array(9))).toBe("[9 bytes]");
    expect(redact([() => 1, Symbol("s")])).toEqual(["[function]", "[symbol]"]);
    expect((redact(new Array(150).fill(1)) as unknown[]).at(-1)).toBe("[50 more]");
    expect(redactText("x".repeat(10_000))).toHaveLength(8192 + "... (10000 characters)".length);
  });
});

describe("Secret", () => {
  it("prints nowhere and is there when asked for", () => {
    const secret = new Secret("hunter2hunter2");
    expect(
      `${secret} ${JSON.stringify({ secret })} ${inspect({ secret })} ${String(Object.values(secret))}`,
    ).not.toContain("hunter2");
    expect(`${secret}`).toBe("[redacted]");
    expect(secret.expose()).toBe("hunter2hunter2");
  });
});
