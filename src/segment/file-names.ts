/**
 * A data directory:
 *
 *     index/                        the chunk index (an ordered store; its lock keeps a second process out)
 *     segments/0000000000000001.seg the segments, by id in 16 hexadecimal digits
 *     segments/probe.tmp            written and removed to see whether the disk takes writes again
 */

const SEGMENT_NAME = /^([0-9a-f]{16})\.seg$/;

export function indexDirectory(directory: string): string {
  return `${directory}/index`;
}

export function segmentsDirectory(directory: string): string {
  return `${directory}/segments`;
}

export function probePath(directory: string): string {
  return `${segmentsDirectory(directory)}/probe.tmp`;
}

export function segmentPath(directory: string, segmentId: number): string {
  return `${segmentsDirectory(directory)}/${hexId(segmentId)}.seg`;
}

/** The id in a segment's file name; undefined for any other name. */
export function segmentIdOf(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  const id = digits === undefined ? undefined : Number.parseInt(digits, 16);
  return id !== undefined && Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** 16 hexadecimal digits: sorts as the number does. */
export function hexId(segmentId: number): string {
  return segmentId.toString(16).padStart(16, "0");
}
