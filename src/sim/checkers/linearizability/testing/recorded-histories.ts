/** Readers of histories that others have recorded. Positions are line numbers. */

import type { Operation, Outcome } from "../history.ts";
import type { AppendInput, AppendOutput } from "../models/append.ts";
import type { RegisterInput, RegisterOutput } from "../models/register.ts";

interface Called<Input> {
  readonly process: number;
  readonly input: Input;
  readonly call: number;
}

/** One operation at a time for each process; what is not answered when the log ends is unknown. */
class LogReader<Input, Output> {
  readonly #open = new Map<number, Called<Input>>();
  readonly #done: Operation<Input, Output>[] = [];

  call(process: number, input: Input, call: number): void {
    if (this.#open.has(process)) throw new Error(`line ${call}: process ${process} calls twice`);
    this.#open.set(process, { process, input, call });
  }

  called(process: number): Called<Input> {
    const called = this.#open.get(process);
    if (called === undefined) throw new Error(`process ${process} has called nothing`);
    return called;
  }

  end(process: number, outcome: Outcome<Output>): void {
    this.#done.push({ ...this.called(process), outcome });
    this.#open.delete(process);
  }

  operations(): readonly Operation<Input, Output>[] {
    for (const process of [...this.#open.keys()]) this.end(process, { kind: "unknown" });
    return this.#done;
  }
}

const JEPSEN_LINE = /^INFO\s+jepsen\.util - (\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.*)$/;

/**
 * A log of Jepsen's etcd test. A compare-and-set that fails is an answer; a call that timed out is none, and its process does not go on.
 */
export function readJepsenLog(text: string): readonly Operation<RegisterInput, RegisterOutput>[] {
  const reader = new LogReader<RegisterInput, RegisterOutput>();
  text.split("\n").forEach((line, at) => {
    const match = JEPSEN_LINE.exec(line);
    if (match === null) {
      if (line.includes("jepsen.util")) throw new Error(`line ${at}: ${line}`);
      return;
    }
    const [, digits, type = "", kind = "", value = ""] = match;
    const process = Number(digits);
    if (type === "invoke") reader.call(process, registerInput(kind, value), at);
    else if (type === "info" || value === ":timed-out") reader.end(process, { kind: "unknown" });
    else reader.end(process, { kind: "returned", at, output: registerOutput(kind, type, value) });
  });
  return reader.operations();
}

function registerInput(kind: string, value: string): RegisterInput {
  if (kind === "read") return { kind: "read" };
  if (kind === "write") return { kind: "write", value: Number(value) };
  const [, from, to] = /^\[(\d+) (\d+)\]$/.exec(value) ?? [];
  return { kind: "cas", from: Number(from), to: Number(to) };
}

function registerOutput(kind: string, type: string, value: string): RegisterOutput {
  if (kind === "cas") return { kind: "compared", succeeded: type === "ok" };
  if (type === "fail") throw new Error(`a ${kind} does not fail`);
  if (kind === "write") return { kind: "written" };
  return { kind: "read", value: value === "nil" ? null : Number(value) };
}

const APPEND_LINE =
  /^\{:process (\d+), :type :(invoke|ok), :f :(append|put|get), :key "([^"]*)", :value (?:nil|"([^"]*)")\}$/;

/** A history of porcupine's key-value test, in EDN. */
export function readAppendHistory(text: string): readonly Operation<AppendInput, AppendOutput>[] {
  const reader = new LogReader<AppendInput, AppendOutput>();
  text.split("\n").forEach((line, at) => {
    if (line === "") return;
    const match = APPEND_LINE.exec(line);
    if (match === null) throw new Error(`line ${at}: ${line}`);
    const [, digits, type, kind, key = "", value = ""] = match;
    const process = Number(digits);
    if (type === "invoke") {
      const isWrite = kind === "append" || kind === "put";
      reader.call(process, isWrite ? { kind, key, text: value } : { kind: "get", key }, at);
    } else {
      const output: AppendOutput = kind === "get" ? { kind: "got", value } : { kind: "written" };
      reader.end(process, { kind: "returned", at, output });
    }
  });
  return reader.operations();
}
