import { blockContains, parseAddressBlock, parseIpAddress } from "./policy/ip-address.ts";

/** IPv4 that is not of the public internet. Source: IANA's registry of special-purpose addresses (RFC 6890). */
const SPECIAL_IPV4 = blocks(
  "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4",
);
/** What the public internet has of IPv6, and what in it leads elsewhere: protocol assignments with Teredo, 6to4, documentation. */
const GLOBAL_IPV6 = blocks("2000::/3");
const SPECIAL_IPV6 = blocks("2001::/23 2001:db8::/32 2002::/16 3fff::/20");

/** Whether it is an address of the public internet, and of nothing near this node. What is no address is not. */
export function isPublicAddress(text: string): boolean {
  const bytes = parseIpAddress(text);
  if (bytes === undefined) return false;
  const isIn = (list: typeof GLOBAL_IPV6): boolean => list.some((block) => blockContains(block, bytes));
  return bytes.length === 4 ? !isIn(SPECIAL_IPV4) : isIn(GLOBAL_IPV6) && !isIn(SPECIAL_IPV6);
}

/** Whether it is in one of `networks`; those that are no blocks hold nothing. */
export function isAddressIn(text: string, networks: readonly string[]): boolean {
  const bytes = parseIpAddress(text);
  if (bytes === undefined) return false;
  return networks.some((network) => {
    const block = parseAddressBlock(network);
    return block !== undefined && blockContains(block, bytes);
  });
}

function blocks(list: string) {
  return list.split(" ").flatMap((text) => parseAddressBlock(text) ?? []);
}
