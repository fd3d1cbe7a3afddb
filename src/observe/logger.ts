import { pino } from "pino";
import type { Clock } from "../platform/index.ts";
import { redact, redactText } from "./redact.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What belongs to a log line beside its message. An error goes under `error`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Messages are fixed texts; what varies goes into the fields. Everything is redacted on its way out. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line, such as `requestId`, `nodeId` or `module`. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Of the lines' times. */
  readonly clock: Clock;
  /** Where the lines go, one JSON object each; standard output when there is none. */
  readonly destination?: { write(line: string): void };
  /** On every line. */
  readonly fields?: LogFields;
}

/** JSON lines: `{"level":"info","time":"2026-01-01T00:00:00.000Z",...fields,"message":"..."}`. */
export function createLogger(options: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    messageKey: "message",
    timestamp: () => `,"time":"${new Date(options.clock.wallMs()).toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
  };
  const lines = options.destination === undefined ? pino(settings) : pino(settings, options.destination);
  return new PinoLogger(lines.child(plainFields(options.fields)));
}

/** A logger that says nothing. */
export const SILENT_LOGGER: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT_LOGGER,
};

class PinoLogger implements Logger {
  readonly #lines: pino.Logger;

  constructor(lines: pino.Logger) {
    this.#lines = lines;
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#lines.isLevelEnabled("debug")) this.#lines.debug(plainFields(fields), redactText(message));
  }

  info(message: string, fields?: LogFields): void {
    if (this.#lines.isLevelEnabled("info")) this.#lines.info(plainFields(fields), redactText(message));
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#lines.isLevelEnabled("warn")) this.#lines.warn(plainFields(fields), redactText(message));
  }

  error(message: string, fields?: LogFields): void {
    if (this.#lines.isLevelEnabled("error")) this.#lines.error(plainFields(fields), redactText(message));
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#lines.child(plainFields(fields)));
  }
}

function plainFields(fields: LogFields | undefined): object {
  return fields === undefined ? {} : (redact(fields) as object);
}
