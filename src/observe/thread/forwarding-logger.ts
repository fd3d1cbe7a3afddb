import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from "../logger.ts";
import { redact, redactText } from "../redact.ts";
import type { LogLine } from "./protocol.ts";

export interface ForwardingLoggerOptions {
  readonly level: LogLevel;
  /** Takes a line that has no secrets any more. */
  readonly forward: (line: LogLine) => void;
}

/** The logger of a thread that has no output of its own. */
export class ForwardingLogger implements Logger {
  readonly #options: ForwardingLoggerOptions;
  /** On every line, redacted. */
  readonly #fields: LogFields;

  constructor(options: ForwardingLoggerOptions, fields: LogFields = {}) {
    this.#options = options;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#log("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log("error", message, fields);
  }

  child(fields: LogFields): Logger {
    return new ForwardingLogger(this.#options, this.#with(fields));
  }

  #log(level: LogLine["level"], message: string, fields: LogFields | undefined): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#options.level)) return;
    this.#options.forward({ level, message: redactText(message), fields: this.#with(fields) });
  }

  #with(fields: LogFields | undefined): LogFields {
    return fields === undefined ? this.#fields : { ...this.#fields, ...(redact(fields) as LogFields) };
  }
}
