import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { printJsonOf } from "./namespace-calls.ts";

it("what a slow reader has not taken does not pile up", async () => {
  const taken: string[] = [];
  let takeOne: () => void = () => undefined;
  const slow = new Writable({
    highWaterMark: 100,
    decodeStrings: false,
    write: (line: string, _, done) => {
      takeOne = () => {
        taken.push(line);
        done();
      };
    },
  });
  const printing = (async () => {
    for (let id = 0; id < 100; id++) await printJsonOf({ id, text: "t".repeat(20) }, slow);
  })();
  let most = 0;
  while (taken.length < 100) {
    await new Promise(setImmediate);
    most = Math.max(most, slow.writableLength);
    takeOne();
  }
  await printing;
  expect(taken[99]).toBe(`{"id":99,"text":"${"t".repeat(20)}"}\n`);
  // One line more than there is room for.
  expect(most).toBeLessThan(200);
});
