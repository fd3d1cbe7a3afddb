import { parseLine } from "./record.ts";

/** What a disk writes at once. */
const SECTOR_BYTES = 512;
const LINE_FEED = 0x0a;
/** A whole line with another byte where its line feed was. A hole may begin there. */
const WHOLE_LINE_WITHOUT_END = /,"hash":"[0-9a-f]{64}"\}[^\0]/;

/**
 * Whether a crash explains these bytes, all that a file has from the end of its chain at `position` on: they are what is left of one write. Of that any
 * sectors may be missing, at its end or as holes, which read as zeros; lines behind a hole may be whole. A line that is whole and does not go on from the
 * chain has been changed, or the one before it has: no crash does that.
 */
export function isTornBatch(bytes: Uint8Array, position: number): boolean {
  const decoder = new TextDecoder();
  let hasHole = false;
  let start = 0;
  for (let feed = bytes.indexOf(LINE_FEED); feed >= 0; feed = bytes.indexOf(LINE_FEED, start)) {
    const zeros = zerosIn(bytes, start, feed, position);
    if (zeros === "strange") return false;
    if (zeros === "hole") hasHole = true;
    else if (!hasHole || parseLine(decoder.decode(bytes.subarray(start, feed))) === undefined) return false;
    start = feed + 1;
  }
  const rest = decoder.decode(bytes.subarray(start));
  return zerosIn(bytes, start, bytes.length, position) !== "strange" && !WHOLE_LINE_WITHOUT_END.test(rest);
}

/** Lines have no zeros of their own. Those of a hole reach from the chain's end or the beginning of a sector to the end of one, or of the file. */
function zerosIn(bytes: Uint8Array, from: number, to: number, position: number): "none" | "hole" | "strange" {
  let found: "none" | "hole" = "none";
  const line = bytes.subarray(0, to);
  let end = from;
  for (let start = line.indexOf(0, end); start >= 0; start = line.indexOf(0, end)) {
    end = start + 1;
    while (end < to && bytes[end] === 0) end++;
    const begins = start === 0 || (position + start) % SECTOR_BYTES === 0;
    const ends = end === bytes.length || (position + end) % SECTOR_BYTES === 0;
    if (!begins || !ends) return "strange";
    found = "hole";
  }
  return found;
}
