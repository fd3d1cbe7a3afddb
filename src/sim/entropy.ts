/**
 * What would make two runs of one seed differ: the machine's clock, timers and chance. While a simulation runs, whoever asks for them is stopped
 * at once, instead of being found days later by comparing traces.
 */

interface Source {
  readonly owner: object;
  readonly name: string;
}

const SOURCES: readonly Source[] = [
  { owner: globalThis, name: "setTimeout" },
  { owner: globalThis, name: "setInterval" },
  { owner: Date, name: "now" },
  { owner: Math, name: "random" },
  { owner: performance, name: "now" },
  { owner: crypto, name: "getRandomValues" },
  { owner: crypto, name: "randomUUID" },
  { owner: process, name: "hrtime" },
  { owner: AbortSignal, name: "timeout" },
];

/** Somebody asked the machine for what only the simulation may give. */
export class EntropyLeak extends Error {
  constructor(what: string) {
    super(`${what} was used inside a simulation`);
    this.name = "EntropyLeak";
  }
}

/** Runs `action` with all of them forbidden; `onLeak` is told even where the exception is swallowed. */
export async function withoutEntropy<T>(
  action: () => Promise<T>,
  onLeak: (leak: EntropyLeak) => void,
): Promise<T> {
  const restore = SOURCES.map((source) => forbid(source, onLeak));
  try {
    return await action();
  } finally {
    for (const undo of restore) undo();
  }
}

function forbid({ owner, name }: Source, onLeak: (leak: EntropyLeak) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value: () => {
      const leak = new EntropyLeak(name);
      onLeak(leak);
      throw leak;
    },
  });
  return () => {
    if (own === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, own);
  };
}
