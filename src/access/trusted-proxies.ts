import { type AddressBlock, blockContains, parseAddressBlock, parseIpAddress } from "./policy/ip-address.ts";

/** Who is at the other end of a connection, or of a chain of them. */
export interface ClientOrigin {
  readonly address: string;
  /** Whether the client's own connection is encrypted. */
  readonly secure: boolean;
}

/** What the proxies on the way say. */
export interface ForwardedHeaders {
  readonly forwardedFor: string | undefined;
  readonly forwardedProto: string | undefined;
}

/** Hops that are looked at, from the right. */
const MAX_HOPS = 32;

/**
 * Who is behind proxies that are trusted to say so. Their headers are read only when the connection comes from one of them, and X-Forwarded-For from the
 * right: the client is the first address that is none of theirs. What stands further left was written by the client and counts for nothing.
 */
export class TrustedProxies {
  readonly #blocks: readonly AddressBlock[];

  /** Blocks that are none (see `isAddressBlock`) trust nobody. */
  constructor(blocks: readonly string[]) {
    this.#blocks = blocks.flatMap((text) => parseAddressBlock(text) ?? []);
  }

  client(peer: ClientOrigin, { forwardedFor, forwardedProto }: ForwardedHeaders): ClientOrigin {
    if (this.#blocks.length === 0 || !this.#trusts(peer.address)) return peer;
    let address = peer.address;
    const hops = (forwardedFor ?? "").split(",").slice(-MAX_HOPS);
    for (const hop of hops.reverse()) {
      const said = addressOfHop(hop);
      if (said === undefined) break;
      address = said;
      if (!this.#trusts(said)) break;
    }
    // The nearest proxy's word, which is the last one.
    const proto = forwardedProto?.split(",").at(-1)?.trim().toLowerCase();
    return { address, secure: proto === undefined ? peer.secure : proto === "https" };
  }

  #trusts(address: string): boolean {
    const bytes = parseIpAddress(address);
    return bytes !== undefined && this.#blocks.some((block) => blockContains(block, bytes));
  }
}

/** "192.0.2.0/24", "2001:db8::/32" or a single address. */
export function isAddressBlock(text: string): boolean {
  return parseAddressBlock(text) !== undefined;
}

/** Some proxies add the port: "192.0.2.1:4711", "[2001:db8::1]:4711". */
function addressOfHop(hop: string): string | undefined {
  const text = hop.trim();
  const address =
    /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
  return parseIpAddress(address) === undefined ? undefined : address;
}
