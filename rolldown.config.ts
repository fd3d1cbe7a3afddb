/**
 * The program as few files: a command, a node and each of its threads read what they need at once instead of a thousand modules. With it go
 * the licences of the packages that are part of it. What programs import from the package (`skerry/client`, `skerry/testing`) is in
 * `dist/src`, module by module.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "rolldown";

export default defineConfig({
  input: {
    main: "cmd/skerry/main.ts",
    "gateway-worker": "src/server/gateway/gateway-worker.ts",
    "raft-worker": "src/raft/thread/raft-worker.ts",
    "search-worker": "src/server/search-worker.ts",
    "hash-worker": "src/platform/node/hash-worker.ts",
  },
  platform: "node",
  // The first three find their binaries beside themselves; the others come without the text of their licence.
  external: ["classic-level", "@napi-rs/blake-hash", "@node-rs/crc32", "saxes", "snowball-stemmers"],
  transform: { target: "es2024" },
  output: {
    dir: "dist/cmd/skerry",
    format: "esm",
    chunkFileNames: "[name].js",
    sourcemap: true,
    sourcemapExcludeSources: true,
  },
  plugins: [licences("LICENSES-OF-DEPENDENCIES.txt")],
});

/** Writes the licence of every package with code in the bundle. The build fails for a package that comes without the text of one. */
function licences(fileName: string): Plugin {
  return {
    name: "licences",
    generateBundle(_options, bundle) {
      const modules = new Map<string, string[]>();
      for (const file of Object.values(bundle)) {
        for (const id of file.type === "chunk" ? file.moduleIds : []) {
          const folder = /^.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+/.exec(id)?.[0];
          if (folder !== undefined) modules.set(folder, [...(modules.get(folder) ?? []), id]);
        }
      }
      const texts = [...modules].map(([folder, ids]) => licence(folder, ids)).sort();
      this.emitFile({ type: "asset", fileName, source: texts.join(`\n${"=".repeat(80)}\n\n`) });
    },
  };
}

const FIRST_COMMENT = /(?:^\/\/[^\n]*\n)+|^\/\*.*?\*\//ms;

/** What the package says in files for the purpose, and at the heads of those modules that are in the bundle. */
function licence(folder: string, modules: readonly string[]): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
    "name" | "version" | "license",
    string
  >;
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  const said = new Set(files.map((file) => readFileSync(join(folder, file), "utf8").trim()));
  for (const module of modules) {
    const [head = ""] = FIRST_COMMENT.exec(readFileSync(module, "utf8")) ?? [];
    if (/copyright/i.test(head)) said.add(head.trim());
  }
  if (said.size === 0)
    throw new Error(`${name} ${version} (${license}) comes without the text of its licence`);
  return `${name} ${version} (${license})\n\n${[...said].join("\n\n")}\n`;
}
