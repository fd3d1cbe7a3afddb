import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/**
 * What `read` holds when it has read `count` pieces of one byte: the bytes of objects and buffers that came to be and cannot be collected, just before the
 * pieces end.
 */
export async function heldBytes(
  count: number,
  read: (pieces: AsyncIterable<Uint8Array>) => Promise<unknown>,
): Promise<number> {
  let heldBytes = Number.NaN;
  const before = memoryBytes();
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < count; i++) yield Uint8Array.of(0x20);
    heldBytes = memoryBytes() - before;
  }
  await read(pieces());
  return heldBytes;
}

/** Without what nobody refers to. */
function memoryBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
