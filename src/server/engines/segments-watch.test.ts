import { expect, test } from "vitest";
import { SILENT_LOGGER } from "../../observe/index.ts";
import { warnOfMissingSegments } from "./segments-watch.ts";

test.each([
  ["nothing is stored of what the cluster has it recorded for", 0, 3, 1],
  ["there is something", 1, 3, 0],
  ["it is new", 0, 0, 0],
])("a node at its start, when %s", (_, storedBytes, heldBlobs, count) => {
  const said: unknown[] = [];
  const logger = { ...SILENT_LOGGER, error: (_message: string, fields?: unknown) => said.push(fields) };
  warnOfMissingSegments({ directory: "/data/segments", storedBytes, heldBlobs: () => heldBlobs, logger });
  expect(said).toHaveLength(count);
  if (count > 0) expect(said).toMatchObject([{ directory: "/data/segments", heldBlobs: 3 }]);
});
