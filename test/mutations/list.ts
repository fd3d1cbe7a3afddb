import { CONSENSUS } from "./consensus.ts";
import { DURABILITY } from "./durability.ts";
import { METADATA } from "./metadata.ts";
import type { Mutation } from "./mutation.ts";

export const MUTATIONS: readonly Mutation[] = [...CONSENSUS, ...DURABILITY, ...METADATA];

/** Known bugs of others that cannot be made here, and why. */
export const NOT_APPLICABLE: readonly { readonly known: string; readonly why: string }[] = [
  { known: "m30", why: "there is no erasure coding" },
];
