import { createServer } from "node:net";

/**
 * Below the range from which systems take ports for outgoing connections (from 32,768 on Linux): a port must stay free while the
 * node that listened on it is down.
 */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;
/** Of one call: a machine with so many taken in a row has no ports to give. */
const MAX_ATTEMPTS = 10_000;

/**
 * `count` free loopback ports, each the first of a run of `run` free neighbours, at random. They are free now; nobody can promise more than
 * that this process does not give them twice before it has given most of them.
 * For tests, of this project and of programs that start a node in their process. Throws when there are none.
 */
export async function freePorts(count: number, run = 1): Promise<number[]> {
  const found: number[] = [];
  for (let attempt = 0; found.length < count; attempt++) {
    if (attempt === MAX_ATTEMPTS) throw new Error(`no ${count} runs of ${run} free ports were found`);
    const first = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    const ports = Array.from({ length: run }, (_, index) => first + index);
    if (!reserve(ports)) continue;
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) found.push(first);
  }
  return found;
}

/** Those of earlier calls and of calls under way: whoever got them may listen only later. */
const given = new Set<number>();

function reserve(ports: readonly number[]): boolean {
  if (given.size > (LAST_PORT - FIRST_PORT) / 2) given.clear();
  if (ports.some((port) => given.has(port))) return false;
  for (const port of ports) given.add(port);
  return true;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
