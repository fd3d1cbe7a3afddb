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
  readonly #states: readonly State[];
  readonly #start: number;
  readonly #ignoreCase: boolean;
  /** The states that are reached now and next, each once: those whose mark is the number of the step. */
  #current: Uint32Array;
  #next: Uint32Array;
  readonly #marks: Uint32Array;
  #step = 0;

  /** "limit-exceeded" for a pattern whose repetitions need too many states. */
  constructor(node: PatternNode, ignoreCase: boolean) {
    const states: State[] = [{ kind: "end" }];
    this.#start = compile(node, 0, states);
    this.#states = states;
    this.#ignoreCase = ignoreCase;
    this.#current = new Uint32Array(states.length);
    this.#next = new Uint32Array(states.length);
    this.#marks = new Uint32Array(states.length);
    this.literalPrefix = ignoreCase ? "" : literalPrefixOf(node);
  }

  /** Whether the whole of `text` matches. */
  matches(text: string): boolean {
    this.#newStep();
    let count = this.#reach(this.#start, this.#current, 0);
    for (const character of text) {
      this.#newStep();
      let reached = 0;
      for (let i = 0; i < count; i++) {
        const state = this.#states[this.#current[i] ?? 0];
        if (state?.kind === "characters" && this.#accepts(state.set, character))
          reached = this.#reach(state.next, this.#next, reached);
      }
      if (reached === 0) return false;
      [this.#current, this.#next] = [this.#next, this.#current];
      count = reached;
    }
    return this.#marks[0] === this.#step;
  }

  #newStep(): void {
    if (++this.#step < 0xffff_ffff) return;
    this.#marks.fill(0);
    this.#step = 1;
  }

  /** Adds `from` and what is reached from it without a character to `into`; returns how many there are then. */
  #reach(from: number, into: Uint32Array, count: number): number {
    const pending = [from];
    let total = count;
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (this.#marks[index] === this.#step) continue;
      this.#marks[index] = this.#step;
      const state = this.#states[index];
      if (state?.kind === "split") pending.push(state.second, state.first);
      else into[total++] = index;
    }
    return total;
  }

  #accepts({ ranges, negated }: CharacterSet, character: string): boolean {
    const found =
      inRanges(ranges, character) ||
      (this.#ignoreCase &&
        (inRanges(ranges, character.toLowerCase()) || inRanges(ranges, character.toUpperCase())));
    return found !== negated;
  }
}

function inRanges(ranges: CharacterSet["ranges"], character: string): boolean {
  const point = character.codePointAt(0) ?? 0;
  // The other case of a few characters is several characters: those are in no set.
  if (character.length > (point > 0xffff ? 2 : 1)) return false;
  return ranges.some(([first, last]) => point >= first && point <= last);
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
