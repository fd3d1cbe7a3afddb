/** The promise: the search decides as the definition does, says unknown when its budget ends, and shows what cannot be explained. */

import { describe, expect, it, test } from "vitest";
import { createPrng, type Prng } from "../../../base/index.ts";
import {
  checkLinearizability,
  describeVerdict,
  HistoryRecorder,
  type Model,
  type ObjectInput,
  type ObjectOutput,
  type Operation,
  objectModel,
  type RegisterInput,
  type RegisterOutput,
  registerModel,
} from "./index.ts";

/** The definition, word for word: some order of all answered and any unknown operations that keeps real time and that the model allows. */
function isLinearizable<S, I, O>(model: Model<S, I, O>, operations: readonly Operation<I, O>[]): boolean {
  const mayBeFirst = (one: Operation<I, O>, rest: readonly Operation<I, O>[]) =>
    rest.every((other) => other.outcome.kind === "unknown" || other.outcome.at >= one.call);
  const search = (state: S, rest: readonly Operation<I, O>[]): boolean =>
    rest.every(({ outcome }) => outcome.kind === "unknown") ||
    rest.some((one) => {
      const others = rest.filter((other) => other !== one);
      if (!mayBeFirst(one, others)) return false;
      const output = one.outcome.kind === "returned" ? one.outcome.output : undefined;
      const after = model.step(state, one.input, output);
      return after !== undefined && search(after, others);
    });
  return search(model.initial, operations);
}

/**
 * A history of a real server, with clients that overlap, of which some answers are then lost and some are wrong: those of the state
 * of another moment.
 */
function drawHistory<S, I, O>(
  prng: Prng,
  count: number,
  server: { readonly initial: S; input(): I; serve(state: S, input: I): readonly [S, O] },
): readonly Operation<I, O>[] {
  const recorder = new HistoryRecorder<I, O>();
  const pending: { input: I; answer?: O; invocation: ReturnType<typeof recorder.invoke> }[] = [];
  const states = [server.initial];
  let called = 0;
  while (called < count || pending.length > 0) {
    const doing = prng.below(3);
    if (doing === 0 && called < count && pending.length < 3) {
      const input = server.input();
      pending.push({ input, invocation: recorder.invoke(called++, input) });
    } else if (doing === 1) {
      const open = pending.filter(({ answer }) => answer === undefined);
      if (open.length === 0) continue;
      const served = prng.pick(open);
      // A server that forgets or runs ahead: now and then it answers from an older state, or loses what it wrote.
      const state = prng.chance(0.4) ? prng.pick(states) : states.at(-1)!;
      const [after, answer] = server.serve(state, served.input);
      if (!prng.chance(0.2)) states.push(after);
      served.answer = answer;
    } else if (doing === 2 && pending.length > 0) {
      const at = prng.below(pending.length);
      const { answer, invocation } = pending[at]!;
      if (answer === undefined && !prng.chance(0.1)) continue;
      if (answer !== undefined && !prng.chance(0.1)) invocation.returned(answer);
      pending.splice(at, 1);
    }
  }
  return recorder.operations();
}

const registerServer = (prng: Prng) => ({
  initial: null as number | null,
  input: (): RegisterInput => {
    const kind = prng.pick(["read", "read", "write", "cas"] as const);
    if (kind === "read") return { kind };
    if (kind === "write") return { kind, value: prng.below(3) };
    return { kind, from: prng.below(3), to: prng.below(3) };
  },
  serve: (state: number | null, input: RegisterInput): readonly [number | null, RegisterOutput] => {
    switch (input.kind) {
      case "read":
        return [state, { kind: "read", value: state }];
      case "write":
        return [input.value, { kind: "written" }];
      case "cas":
        return [
          state === input.from ? input.to : state,
          { kind: "compared", succeeded: state === input.from },
        ];
    }
  },
});

const KEYS = ["a/1", "b\u{10000}", "b\uffee"];

const objectServer = (prng: Prng) => ({
  initial: new Map<string, string>() as ReadonlyMap<string, string>,
  input: (): ObjectInput => {
    const bucket = "bucket";
    const key = prng.pick(KEYS);
    const content = `c${prng.below(2)}`;
    switch (prng.below(6)) {
      case 0:
        return { kind: "put", bucket, key, content };
      case 1:
        return { kind: "put", bucket, key, content, ifAbsent: true };
      case 2:
        return { kind: "put", bucket, key, content, ifMatch: `c${prng.below(2)}` };
      case 3:
        return { kind: prng.pick(["get", "head"]), bucket, key };
      case 4:
        return { kind: "delete", bucket, key, ...(prng.chance(0.3) && { ifMatch: content }) };
      default:
        return {
          kind: "list",
          bucket,
          prefix: prng.pick(["", "a/", "b"]),
          after: prng.pick(["", "a/1", "b\u{10000}"]),
          limit: prng.between(1, 3),
        };
    }
  },
  serve: (
    state: ReadonlyMap<string, string>,
    input: ObjectInput,
  ): readonly [ReadonlyMap<string, string>, ObjectOutput] => {
    if (input.kind === "list") {
      const inBytes = (key: string) => Buffer.from(key).toString("hex");
      const objects = [...state]
        .map(([key, content]) => ({ key, content }))
        .filter(({ key }) => key.startsWith(input.prefix) && inBytes(key) > inBytes(input.after))
        .sort((one, other) => (inBytes(one.key) < inBytes(other.key) ? -1 : 1));
      const page = objects.slice(0, input.limit);
      return [state, { kind: "listed", objects: page, isTruncated: page.length < objects.length }];
    }
    const current = state.get(input.key);
    if (input.kind === "get" || input.kind === "head")
      return [state, current === undefined ? { kind: "absent" } : { kind: "found", content: current }];
    const isDeleted = input.kind === "delete" && current === undefined;
    const refused =
      (input.ifMatch !== undefined && input.ifMatch !== current && !isDeleted) ||
      (input.kind === "put" && input.ifAbsent === true && current !== undefined);
    if (refused) return [state, { kind: "refused" }];
    const after = new Map(state);
    if (input.kind === "put") after.set(input.key, input.content);
    else after.delete(input.key);
    return [after, { kind: "done" }];
  },
});

describe("the search decides as the definition does", () => {
  const SEEDS = 1000;

  function compare<S, I, O>(
    model: Model<S, I, O>,
    draw: (prng: Prng) => readonly Operation<I, O>[],
  ): Record<"ok" | "false", number> {
    const found = { ok: 0, false: 0 };
    for (let at = 0; at < SEEDS; at++) {
      const seed = `linearizability-${at}`;
      const history = draw(createPrng(seed));
      const verdict = checkLinearizability(model, history);
      const expected = isLinearizable(model, history) ? "ok" : "false";
      expect(verdict.kind, `seed ${seed}\n${describeVerdict(model, verdict)}`).toBe(expected);
      found[expected]++;
    }
    return found;
  }

  test("for a register", () => {
    const found = compare(registerModel, (prng) =>
      drawHistory(prng, prng.between(2, 7), registerServer(prng)),
    );
    expect(Math.min(found.ok, found.false)).toBeGreaterThan(SEEDS / 20);
  });

  test("for the objects of a bucket, with listings", () => {
    const found = compare(objectModel, (prng) => drawHistory(prng, prng.between(2, 7), objectServer(prng)));
    expect(Math.min(found.ok, found.false)).toBeGreaterThan(SEEDS / 20);
  });
});

/** Operations of a register from short texts. */
function history(...lines: readonly [number, number | undefined, RegisterInput, RegisterOutput?][]) {
  return lines.map(([call, at, input, output], process): Operation<RegisterInput, RegisterOutput> => {
    if (at === undefined || output === undefined)
      return { process, input, call, outcome: { kind: "unknown" } };
    return { process, input, call, outcome: { kind: "returned", at, output } };
  });
}

const write = (value: number): RegisterInput => ({ kind: "write", value });
const written: RegisterOutput = { kind: "written" };
const read: RegisterInput = { kind: "read" };
const got = (value: number | null): RegisterOutput => ({ kind: "read", value });

describe("unknown outcomes", () => {
  it.each([
    [
      "take effect later",
      history([0, undefined, write(1)], [1, 2, read, got(null)], [3, 4, read, got(1)]),
      "ok",
    ],
    ["take effect never", history([0, undefined, write(1)], [1, 2, read, got(null)]), "ok"],
    [
      "take effect once",
      history([0, undefined, write(1)], [1, 2, read, got(1)], [3, 4, read, got(null)]),
      "false",
    ],
    [
      "do not take effect before their call",
      history([0, 1, read, got(1)], [2, undefined, write(1)]),
      "false",
    ],
  ] as const)("%s", (_what, operations, kind) => {
    expect(checkLinearizability(registerModel, operations).kind).toBe(kind);
  });
});

describe("intervals", () => {
  it("are closed: a call at the moment of a return is concurrent with it", () => {
    const operations = history([0, 5, write(1), written], [5, 9, read, got(null)]);
    expect(checkLinearizability(registerModel, operations).kind).toBe("ok");
    const later = history([0, 5, write(1), written], [6, 9, read, got(null)]);
    expect(checkLinearizability(registerModel, later).kind).toBe("false");
  });
});

describe("the budget", () => {
  /** Many writes at once, and a read of what nobody wrote: refuted only after all orders were tried. */
  const hard = (bucket: string, content: string): Operation<ObjectInput, ObjectOutput>[] => [
    ...Array.from(
      { length: 14 },
      (_, process): Operation<ObjectInput, ObjectOutput> => ({
        process,
        input: { kind: "put", bucket, key: "key", content: `c${process}` },
        call: process,
        outcome: { kind: "returned", at: 100, output: { kind: "done" } },
      }),
    ),
    {
      process: 20,
      input: { kind: "get", bucket, key: "key" },
      call: 200,
      outcome: { kind: "returned", at: 201, output: { kind: "found", content } },
    },
  ];

  it("ends in unknown, which is not ok, and names the part", () => {
    const verdict = checkLinearizability(objectModel, hard("one", "lost"), { maxStepsPerPartition: 1000 });
    expect(verdict).toMatchObject({ kind: "unknown", steps: 1000, undecided: ['one: "key"'] });
    expect(describeVerdict(objectModel, verdict)).toMatch(/^UNKNOWN/);
    expect(checkLinearizability(objectModel, hard("one", "lost")).kind).toBe("false");
    expect(checkLinearizability(objectModel, hard("one", "c3")).kind).toBe("ok");
  });

  it("of a hard part does not keep an easy one from being refuted", () => {
    const easy: Operation<ObjectInput, ObjectOutput> = {
      process: 0,
      input: { kind: "get", bucket: "two", key: "key" },
      call: 0,
      outcome: { kind: "returned", at: 1, output: { kind: "found", content: "lost" } },
    };
    const verdict = checkLinearizability(objectModel, [...hard("one", "lost"), easy]);
    expect(verdict).toMatchObject({
      kind: "false",
      partitions: 2,
      counterexample: { partition: 'two: "key"' },
    });
    expect(verdict.steps).toBeLessThan(25_000);
  });
});

test("a refutation shows the longest order that explains its answers, and what cannot follow", () => {
  const operations = history(
    [0, 1, write(1), written],
    [2, 3, write(2), written],
    [4, 9, read, got(1)],
    [5, undefined, write(3)],
  );
  const verdict = checkLinearizability(registerModel, operations);
  expect(describeVerdict(registerModel, verdict).split("\n").slice(1)).toEqual([
    "the longest order that explains its answers has 3 operations:",
    '  [0, 1] client 0: {"kind":"write","value":1} -> {"kind":"written"}',
    '  [2, 3] client 1: {"kind":"write","value":2} -> {"kind":"written"}',
    '  [5, ?] client 3: {"kind":"write","value":3} -> no answer',
    "then the state is: 3",
    "and this cannot be placed:",
    '  [4, 9] client 2: {"kind":"read"} -> {"kind":"read","value":1}',
  ]);
});

test("a call that was refused leaves the history", () => {
  const recorder = new HistoryRecorder<RegisterInput, RegisterOutput>();
  recorder.invoke(1, write(1)).refused();
  recorder.invoke(1, read).returned(got(null));
  expect(recorder.operations()).toEqual([
    { process: 1, input: read, call: 1, outcome: { kind: "returned", at: 2, output: got(null) } },
  ]);
});
