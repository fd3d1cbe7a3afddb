/**
 * The composition root: the only module that knows all the others. `node.ts` joins the engines into a node; `config` is the one table of
 * settings; `founding.ts` and `identity.ts` make a data directory belong to a cluster; `run.ts` is a node as a process; `testing.ts` is a node inside
 * another program's tests.
 */
export { type Config, ConfigError, loadConfig, type SettingName } from "./config/index.ts";
export { type Founded, foundNode, type RootKeys } from "./founding.ts";
export type { JoinRequest } from "./identity.ts";
export { runNode } from "./run.ts";
