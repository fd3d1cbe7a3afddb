/**
 * Functions made of text, for what is done a hundred times for each command: a function that handles one schema, with its fields named in it, is several times
 * as fast as one that handles all of them by looking names up. What the text is made of are names and numbers of the schemas that this program was built
 * with; nothing that comes from outside gets into it.
 */

/** What `source` returns, in which the names of `scope` are known. */
export function compile<Result>(scope: Readonly<Record<string, unknown>>, source: string): Result {
  const make = new Function(...Object.keys(scope), `"use strict"; ${source}`);
  return make(...Object.values(scope)) as Result;
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** How a member of that name is reached: ".name". */
export function property(name: string): string {
  if (!IDENTIFIER.test(name)) throw new TypeError(`no name of a field: ${JSON.stringify(name)}`);
  return `.${name}`;
}
