// The layer check. The table is layers.json; this file only turns it into rules.
import { readFileSync } from "node:fs";

const layers = JSON.parse(readFileSync(new URL("./layers.json", import.meta.url), "utf8"));
const tests = "(\\.test\\.ts|/testing/|/testdata/)";

const literally = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const anyOf = (paths) => `^(${paths.map(literally).join("|")})`;

const layerRules = Object.entries(layers.modules).flatMap(([module, allowed]) => {
  const types = layers.typeOnly[module] ?? [];
  const inside = [module, ...allowed];
  return [
    {
      name: `layer-${module}`,
      severity: "error",
      comment: `${module} may import ${allowed.join(", ") || "nothing"} (types also of: ${types.join(", ") || "nothing else"})`,
      from: { path: `^src/${module}/`, pathNot: tests },
      to: { path: "^src/", pathNot: `^src/(${[...inside, ...types].join("|")})/` },
    },
    ...(types.length === 0
      ? []
      : [
          {
            name: `layer-${module}-types`,
            severity: "error",
            comment: `${module} may import types of ${types.join(", ")}, not values`,
            from: { path: `^src/${module}/`, pathNot: tests },
            to: { path: `^src/(${types.join("|")})/`, dependencyTypesNot: ["type-only"] },
          },
        ]),
    {
      name: `front-door-${module}`,
      severity: "error",
      comment: "a neighbour is imported through its index.ts (types also from its ports.ts and types.ts)",
      from: { path: "^(src|cmd)/", pathNot: `(^src/${module}/|${tests})` },
      to: {
        path: `^src/${module}/`,
        pathNot:
          module === "gen"
            ? "_pb\\.(js|d\\.ts)$"
            : `^src/${module}/(index|ports|types|errors|testing)\\.ts$|^src/platform/node/|^src/platform/sim/index\\.ts$|^src/server/`,
      },
    },
  ];
});

export default {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: { pathNot: tests },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    ...layerRules,
    {
      name: "simulated-platform-in-the-simulator",
      severity: "error",
      from: { path: "^(src|cmd)/", pathNot: `(^src/platform/sim/|^src/sim/|${tests})` },
      to: { path: "^src/platform/sim/" },
    },
    {
      name: "node-at-the-edge",
      severity: "error",
      comment: "node:* only where layers.json says",
      from: { path: "^(src|cmd)/", pathNot: `${anyOf(layers.node.paths)}|${tests}` },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "platform-through-ports",
      severity: "error",
      comment: "the Node implementations are joined in the composition root",
      from: {
        path: "^(src|cmd)/",
        pathNot: `${anyOf(layers.platformNode.paths)}|^src/platform/node/|${tests}`,
      },
      to: { path: "^src/platform/node/" },
    },
    {
      name: "tests-stay-out",
      severity: "error",
      from: { path: "^(src|cmd)/", pathNot: tests },
      to: { path: tests, pathNot: "^src/server/testing" },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: ["node_modules", "src/gen"] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".d.ts"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types"],
    },
  },
};
