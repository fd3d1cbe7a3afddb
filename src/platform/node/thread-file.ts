/**
 * The file that a thread starts with: `name` beside the module `from` (its `import.meta.url`), TypeScript where the program runs from its
 * sources and JavaScript where it was built. The bundled program has all its files in one folder, so no two threads may have one name.
 */
export function threadFile(name: `${string}-worker`, from: string): URL {
  return new URL(`./${name}${from.endsWith(".ts") ? ".ts" : ".js"}`, from);
}
