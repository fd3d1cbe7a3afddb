import { createServer } from "node:net";

/** Below the range from which systems take ports for outgoing connections: a port must stay free while its node is dead. */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;

/** Free loopback ports, in runs of `run` neighbours each. They are free now; nobody can promise more. */
export async function freePorts(count: number, run = 1): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const first = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (found.some((port) => Math.abs(port - first) < run)) continue;
    const free = await Promise.all(Array.from({ length: run }, (_, index) => isFree(first + index)));
    if (free.every(Boolean)) found.push(first);
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
