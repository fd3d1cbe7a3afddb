/**
 * Reads data-driven test files:
 *
 *     # comment
 *     command positional key=value key=(v1,v2) \
 *       more=arguments
 *     optional input
 *     ----
 *     expected output, up to an empty line
 *
 * Output that has empty lines itself is enclosed in doubled separators.
 */

export interface Argument {
  readonly key: string;
  /** Empty: a positional argument. */
  readonly values: readonly string[];
}

export interface DataDrivenCase {
  readonly line: number;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  readonly expected: string;
}

const SEPARATOR = "----";

/** All cases of a file, in order. */
export function parseDataDriven(text: string): DataDrivenCase[] {
  const lines = text.split("\n");
  const cases: DataDrivenCase[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!.trim();
    if (line === "" || line.startsWith("#")) {
      at++;
      continue;
    }
    const parsed = parseCase(lines, at);
    cases.push(parsed.found);
    at = parsed.next;
  }
  return cases;
}

function parseCase(lines: readonly string[], start: number): { found: DataDrivenCase; next: number } {
  let at = start;
  let directive = lines[at++]!.trim();
  while (directive.endsWith("\\")) directive = `${directive.slice(0, -1)} ${lines[at++]!.trim()}`;
  const input: string[] = [];
  while (at < lines.length && lines[at] !== SEPARATOR) input.push(lines[at++]!);
  if (at === lines.length) throw new Error(`line ${start + 1}: no separator`);
  at++;
  const doubled = lines[at] === SEPARATOR;
  const expected: string[] = [];
  if (doubled) {
    at++;
    while (!(lines[at] === SEPARATOR && lines[at + 1] === SEPARATOR)) expected.push(lines[at++]!);
    at += 2;
  } else {
    while (at < lines.length && lines[at]!.trim() !== "") expected.push(lines[at++]!);
  }
  const [command, ...words] = splitDirective(directive);
  return {
    found: {
      line: start + 1,
      command: command!,
      args: words.map(parseArgument),
      input: input.join("\n").trim(),
      expected: expected.join("\n"),
    },
    next: at,
  };
}

/** Words are separated by blanks, except within parentheses. */
function splitDirective(directive: string): string[] {
  return directive.match(/(?:\([^)]*\)|[^\s(])+/g) ?? [];
}

function parseArgument(word: string): Argument {
  const equals = word.indexOf("=");
  if (equals < 0) return { key: word, values: [] };
  const value = word.slice(equals + 1);
  const values =
    value.startsWith("(") && value.endsWith(")")
      ? value
          .slice(1, -1)
          .split(",")
          .map((part) => part.trim())
          .filter((part) => part !== "")
      : [value];
  return { key: word.slice(0, equals), values };
}
