/**
 * Everything that is not a pure function of its inputs: time, chance, disk, network and the hashing that may leave the thread. The rest of
 * Skerry sees these as interfaces only (`ports.ts`), handed out by the composition root, so that the simulator runs the same code as
 * production.
 *
 * - `ports.ts`: the interfaces, with what each call promises. `errors.ts`: what they reject with.
 * - `durable-directory.ts`, `durable-file.ts`: making a directory, and replacing a small file, so that a power loss takes nothing of it.
 * - `progress-watch.ts`: ends transfers whose client stalls, for all listeners of clients.
 * - `node/`: the implementations on Node. Import them from `platform/node/index.ts`, and only in `server`, `cmd` and tests.
 * - `sim/`: the implementations on virtual time, all of it drawn from one seed.
 * - `testing/`: one conformance suite for each port; both implementations pass them.
 *
 * What the ports promise about durability, and what they do not, is in `docs/internals/platform.md`.
 */

export { makeDurableDirectory } from "./durable-directory.ts";
export { readSmallFile, removeIfPresent, replaceFile } from "./durable-file.ts";
export { DiskError, StreamFailure } from "./errors.ts";
export type * from "./ports.ts";
export { type ProgressLimits, ProgressWatch, type Transfer } from "./progress-watch.ts";
