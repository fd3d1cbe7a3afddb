/** Addresses and blocks of addresses, IPv4 and IPv6 (RFC 4291, RFC 4632). An IPv4 address in IPv6 clothes is the IPv4 address. */

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

export interface AddressBlock {
  readonly bytes: Uint8Array;
  readonly prefixBits: number;
}

/** 4 or 16 bytes; undefined when it is no address. A zone ("%eth0") is not looked at. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  const plain = text.split("%", 1)[0] ?? "";
  if (!plain.includes(":")) return parseIpv4(plain);
  const bytes = parseIpv6(plain);
  if (bytes === undefined) return undefined;
  const isMapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return isMapped ? bytes.subarray(12) : bytes;
}

/** "192.0.2.0/24", "2001:db8::/32" or a single address. */
export function parseAddressBlock(text: string): AddressBlock | undefined {
  const slash = text.indexOf("/");
  const bytes = parseIpAddress(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined) return undefined;
  if (slash < 0) return { bytes, prefixBits: bytes.length * 8 };
  const digits = text.slice(slash + 1);
  const prefixBits = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  return prefixBits <= bytes.length * 8 ? { bytes, prefixBits } : undefined;
}

export function blockContains(block: AddressBlock, address: Uint8Array): boolean {
  if (address.length !== block.bytes.length) return false;
  const whole = block.prefixBits >> 3;
  for (let index = 0; index < whole; index += 1) if (address[index] !== block.bytes[index]) return false;
  const rest = block.prefixBits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((address[whole]! ^ block.bytes[whole]!) & mask) === 0;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const groups = text.split(".");
  if (groups.length !== IPV4_BYTES) return undefined;
  const bytes = groups.map((group) => (/^(0|[1-9]\d{0,2})$/.test(group) ? Number(group) : 256));
  return bytes.every((byte) => byte < 256) ? Uint8Array.from(bytes) : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? "");
  const tail = groupsOf(halves[1] ?? "");
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_BYTES / 2 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(halves.length === 2 ? missing : 0).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Groups of 16 bits; the last may be an IPv4 address. */
function groupsOf(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const pieces = text.split(":");
  for (const [index, piece] of pieces.entries()) {
    const ipv4 = index === pieces.length - 1 && piece.includes(".") ? parseIpv4(piece) : undefined;
    if (ipv4 !== undefined) groups.push((ipv4[0]! << 8) | ipv4[1]!, (ipv4[2]! << 8) | ipv4[3]!);
    else if (/^[0-9a-fA-F]{1,4}$/.test(piece)) groups.push(Number.parseInt(piece, 16));
    else return undefined;
  }
  return groups;
}
