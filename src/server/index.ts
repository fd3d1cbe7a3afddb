/**
 * The composition root: the only module that knows all the others. `engines/` joins the engines into a node; `node.ts` is that node on a machine, with
 * its listeners; `config` is the one table of settings; `founding.ts` and `identity.ts` make a data directory belong to a cluster; `run.ts` is a
 * node as a process; `testing.ts` is a node inside another program's tests. The simulator takes the engines as they are.
 */
export { type Config, ConfigError, loadConfig, type SettingName } from "./config/index.ts";
export { type Engines, openEngines } from "./engines/engines.ts";
export type { EngineTuning } from "./engines/options.ts";
export { type Founded, foundNode, type RootKeys } from "./founding.ts";
export { identify, type JoinRequest } from "./identity.ts";
export { runNode } from "./run.ts";
