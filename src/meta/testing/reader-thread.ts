/** Another thread of a node that reads its metadata, in the simulation: what it would see, and when messages come. */

import { createPrng } from "../../base/index.ts";
import type { DiskError } from "../../platform/index.ts";
import type { FromMetadata, ToMetadata } from "../thread/protocol.ts";
import { RemoteMetadata } from "../thread/remote-metadata.ts";
import { MetadataServer } from "../thread/serve-metadata.ts";
import type { MetaNode, MetaWorld } from "./node.ts";
import { portPair } from "./port-pair.ts";

export interface ReaderThread {
  readonly remote: RemoteMetadata;
  readonly server: MetadataServer;
  /** What the node was told of. */
  readonly unreadable: readonly DiskError[];
  /** How many commands each message has had that the thread sent. */
  sent(): readonly number[];
  /** What the thread knows of the read index without asking. */
  knowIndex(index: number | undefined): void;
}

/** `delayMs`: messages take up to so long. */
export async function startReader(
  world: MetaWorld,
  node: MetaNode,
  { delayMs = 3, seed = "reader" }: { readonly delayMs?: number; readonly seed?: string } = {},
): Promise<ReaderThread> {
  const { platform, directory, metadata, memory } = node;
  const prng = createPrng(seed);
  const [there, here] = portPair<ToMetadata, FromMetadata>(platform.timers, () => prng.below(delayMs + 1));
  const sent: number[] = [];
  const port: typeof there = {
    post: (message, handOver) => {
      if (message.kind === "submit") sent.push(message.ids.length);
      there.post(message, handOver);
    },
    onMessage: (listener) => there.onMessage(listener),
  };
  const unreadable: DiskError[] = [];
  const server = new MetadataServer({
    port: here,
    metadata,
    directory,
    memory,
    timers: platform.timers,
    onUnreadable: (error) => unreadable.push(error),
    onSilent: (error) => {
      throw error;
    },
  });
  let readIndex: number | undefined;
  const { hasher, timers, stores } = platform;
  const opened: RemoteMetadata[] = [];
  const readIndexNow = (): number | undefined => readIndex;
  await world.simulation.complete(
    server.start(async (start) => {
      opened.push(await RemoteMetadata.open({ port, start, stores, hasher, timers, readIndexNow }));
    }),
  );
  const [remote] = opened as [RemoteMetadata];
  const knowIndex = (index: number | undefined): void => {
    readIndex = index;
  };
  return { remote, server, unreadable, knowIndex, sent: () => sent };
}
