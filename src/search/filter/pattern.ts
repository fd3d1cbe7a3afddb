/**
 * Patterns over strings (glob, regex) as automata. A pattern becomes a nondeterministic automaton of at most `patternStates` states and is run by
 * keeping the set of states it can be in (Thompson, "Regular Expression Search Algorithm", 1968): the time is at most states times characters, whatever
 * the pattern; there is no backtracking. Characters are code points. A match covers the whole value.
 */

import { SearchError } from "../errors.ts";
import { LIMITS } from "../model/limits.ts";

/** A set of code points, as ascending pairs [first, last]; `negated`: all others. */
export interface CharacterSet {
  readonly ranges: readonly (readonly [number, number])[];
  readonly negated: boolean;
}

export type PatternNode =
  | { readonly kind: "characters"; readonly set: CharacterSet }
  | { readonly kind: "sequence"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly parts: readonly PatternNode[] }
  /** `most` undefined: any number. */
  | {
      readonly kind: "repeat";
      readonly part: PatternNode;
      readonly least: number;
      readonly most: number | undefined;
    };

export const ANY_CHARACTER: CharacterSet = { ranges: [], negated: true };

type State =
  | { readonly kind: "characters"; readonly set: CharacterSet; next: number }
  | { readonly kind: "split"; first: number; second: number }
  | { readonly kind: "end" };

export class Pattern {
  /** Every match begins with it: where dictionaries are looked up. */
  readonly literalPrefix: string;
  /** Looks at states that matching has taken so far. */
  looks = 0;
  readonly #start: number;
  readonly #ignoreCase: boolean;
  /** By state: the set of characters that leads on from it, as its place in `#sets`; -1: it leads on without a character, or is the end. */
  readonly #setOf: Int32Array;
  /** By state: where it leads; -1: nowhere. */
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  /** Each once: repetitions share theirs. */
  readonly #sets: readonly CharacterSet[];
  /** By set: whether it has the character of step `#askedAt`. */
  readonly #has: Uint8Array;
  readonly #askedAt: Uint32Array;
  readonly #pending: Int32Array;
  /** The states that are reached now and next, each once: those whose mark is the number of the step. */
  #current: Uint32Array;
  #next: Uint32Array;
  readonly #marks: Uint32Array;
  #step = 0;

  /** "limit-exceeded" for a pattern whose repetitions need too many states. */
  constructor(node: PatternNode, ignoreCase: boolean) {
    const states: State[] = [{ kind: "end" }];
    this.#start = compile(node, 0, states);
    const sets = new Map<CharacterSet, number>();
    for (const state of states)
      if (state.kind === "characters" && !sets.has(state.set)) sets.set(state.set, sets.size);
    this.#sets = [...sets.keys()];
    this.#setOf = Int32Array.from(states, (state) =>
      state.kind === "characters" ? sets.get(state.set)! : -1,
    );
    this.#first = Int32Array.from(states, firstOf);
    this.#second = Int32Array.from(states, (state) => (state.kind === "split" ? state.second : -1));
    this.#has = new Uint8Array(sets.size);
    this.#askedAt = new Uint32Array(sets.size);
    this.#pending = new Int32Array(2 * states.length + 1);
    this.#ignoreCase = ignoreCase;
    this.#current = new Uint32Array(states.length);
    this.#next = new Uint32Array(states.length);
    this.#marks = new Uint32Array(states.length);
    this.literalPrefix = ignoreCase ? "" : literalPrefixOf(node);
  }

  get stateCount(): number {
    return this.#setOf.length;
  }

  /** Whether the whole of `text` matches. */
  matches(text: string): boolean {
    this.#newStep();
    let count = this.#reach(this.#start, this.#current, 0);
    const [first, setOf] = [this.#first, this.#setOf];
    for (const character of text) {
      this.#newStep();
      const [current, next] = [this.#current, this.#next];
      let reached = 0;
      for (let i = 0; i < count; i++) {
        const state = current[i]!;
        if (this.#accepts(setOf[state]!, character)) reached = this.#reach(first[state]!, next, reached);
      }
      this.looks += count;
      if (reached === 0) return false;
      this.#current = next;
      this.#next = current;
      count = reached;
    }
    return this.#marks[0] === this.#step;
  }

  #newStep(): void {
    if (++this.#step < 0xffff_ffff) return;
    this.#marks.fill(0);
    this.#askedAt.fill(0);
    this.#step = 1;
  }

  /** Adds `from` and what is reached from it without a character to `into`; returns how many there are then. */
  #reach(from: number, into: Uint32Array, count: number): number {
    const [first, second, marks, pending] = [this.#first, this.#second, this.#marks, this.#pending];
    const step = this.#step;
    let total = count;
    let looks = 0;
    pending[0] = from;
    for (let waiting = 1; waiting > 0; ) {
      const state = pending[--waiting]!;
      looks++;
      if (marks[state] === step) continue;
      marks[state] = step;
      if (second[state]! >= 0) {
        pending[waiting++] = second[state]!;
        pending[waiting++] = first[state]!;
      } else into[total++] = state;
    }
    this.looks += looks;
    return total;
  }

  #accepts(set: number, character: string): boolean {
    // The end has no set.
    if (set < 0) return false;
    if (this.#askedAt[set] !== this.#step) {
      this.#askedAt[set] = this.#step;
      this.#has[set] = this.#isIn(this.#sets[set]!, character) ? 1 : 0;
    }
    return this.#has[set] === 1;
  }

  #isIn({ ranges, negated }: CharacterSet, character: string): boolean {
    const found =
      inRanges(ranges, character) ||
      (this.#ignoreCase &&
        (inRanges(ranges, character.toLowerCase()) || inRanges(ranges, character.toUpperCase())));
    return found !== negated;
  }
}

function firstOf(state: State): number {
  if (state.kind === "end") return -1;
  return state.kind === "split" ? state.first : state.next;
}

function inRanges(ranges: CharacterSet["ranges"], character: string): boolean {
  const point = character.codePointAt(0) ?? 0;
  // The other case of a few characters is several characters: those are in no set.
  if (character.length > (point > 0xffff ? 2 : 1)) return false;
  for (const [first, last] of ranges) if (point >= first && point <= last) return true;
  return false;
}

function literalPrefixOf(node: PatternNode): string {
  if (node.kind !== "sequence") return "";
  let prefix = "";
  for (const part of node.parts) {
    const [range] =
      part.kind === "characters" && !part.set.negated && part.set.ranges.length === 1 ? part.set.ranges : [];
    if (range === undefined || range[0] !== range[1]) break;
    prefix += String.fromCodePoint(range[0]);
  }
  return prefix;
}

/** Adds the states of `node`, which go on at `next`; returns where they begin. */
function compile(node: PatternNode, next: number, states: State[]): number {
  switch (node.kind) {
    case "characters":
      return add(states, { kind: "characters", set: node.set, next });
    case "sequence":
      return node.parts.reduceRight((after, part) => compile(part, after, states), next);
    case "choice": {
      const starts = node.parts.map((part) => compile(part, next, states));
      return starts.reduceRight((second, first) => add(states, { kind: "split", first, second }));
    }
    case "repeat": {
      let after = next;
      if (node.most === undefined) {
        const loop: State = { kind: "split", first: next, second: next };
        after = add(states, loop);
        loop.first = compile(node.part, after, states);
      } else {
        for (let i = node.least; i < node.most; i++)
          after = add(states, { kind: "split", first: compile(node.part, after, states), second: next });
      }
      for (let i = 0; i < node.least; i++) {
        const start = compile(node.part, after, states);
        // A part of nothing adds no states: its repetitions, and theirs inside it, would be counted for nothing.
        if (start === after) break;
        after = start;
      }
      return after;
    }
  }
}

function add(states: State[], state: State): number {
  if (states.length >= LIMITS.patternStates)
    throw new SearchError("limit-exceeded", "the repetitions of a pattern need too many states", {
      limit: "patternStates",
      most: LIMITS.patternStates,
      given: states.length + 1,
    });
  states.push(state);
  return states.length - 1;
}
