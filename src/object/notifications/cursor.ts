/** Up to which change each destination has been told: kept in the metadata. JSON with the number of its format. */

/** Sequences of the oplog by destination: everything up to it has been told, or is not for it. */
export type NotificationPositions = ReadonlyMap<string, bigint>;

const FORMAT = 1;

export function encodePositions(positions: NotificationPositions): Uint8Array {
  const destinations = Object.fromEntries([...positions].map(([name, after]) => [name, String(after)]));
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, destinations }));
}

/** Throws on a format that this version does not know. */
export function decodePositions(cursor: Uint8Array): NotificationPositions {
  const { format, destinations } = JSON.parse(new TextDecoder().decode(cursor)) as {
    readonly format: number;
    readonly destinations: Readonly<Record<string, string>>;
  };
  if (format !== FORMAT) throw new Error(`the notifications' cursor has the unknown format ${format}`);
  return new Map(Object.entries(destinations).map(([name, after]) => [name, BigInt(after)]));
}
