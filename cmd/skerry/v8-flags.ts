import { totalmem } from "node:os";

const MIB = 1024 * 1024;
/** About six times of what lives in a busy node's heap. */
const MAX_HEAP_FLOOR_MIB = 320;
const HEAP_FLOORS_IN_MEMORY = 32;

/**
 * What a node asks of V8.
 *
 * It hands large buffers around all the time, and V8 collects them with as many threads as it likes. On a few cores these threads take more than they give:
 * collecting on one thread saved a fifth of the processor time of small writes and half of that of large reads (measured on two cores).
 *
 * Full collections begin when the old generation is about twice as large as what lived at the last one. A node keeps little and has its caches renewed all the
 * time, so that this came every second, and the collections of the young generation free badly while one is under way: together a sixth of the main
 * thread's time under small writes. Below the floor nothing but the young generation is collected, which left a third of that. A heap that holds more grows as V8 likes.
 *
 * @param given the flags of the process: one that is among them, with whatever value, stays as it is
 * @param memoryBytes what the machine, or the process where that is limited, may use: each thread of a node has a heap of its own
 * @returns the flags that are still missing
 */
export function missingFlags(given: readonly string[], memoryBytes: number): readonly string[] {
  const floorMiB = Math.min(MAX_HEAP_FLOOR_MIB, Math.floor(memoryBytes / HEAP_FLOORS_IN_MEMORY / MIB));
  const wanted = ["--single-threaded-gc", ...(floorMiB > 0 ? [`--initial-heap-size=${floorMiB}`] : [])];
  const names = new Set(given.map(nameOf));
  return wanted.filter((flag) => !names.has(nameOf(flag)));
}

/** Becomes the same program with the flags that a node runs with; the process keeps its id. Returns when it has them, or cannot. */
export function runWithNodeFlags(): void {
  const missing = missingFlags(process.execArgv, memoryBytes());
  if (missing.length === 0 || process.execve === undefined) return;
  const [program, ...rest] = process.argv;
  if (program === undefined) return;
  process.execve(process.execPath, [program, ...missing, ...process.execArgv, ...rest], process.env);
}

function nameOf(flag: string): string {
  return (flag.split("=", 1)[0] ?? flag).replaceAll("_", "-");
}

/** `constrainedMemory` is 0 where nothing limits the process. */
function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}
