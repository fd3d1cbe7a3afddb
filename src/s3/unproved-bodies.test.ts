/** The promise: what is read before it is known who sends it is bounded in number by source, and in time; everybody else is served meanwhile. */
import { describe, expect, it } from "vitest";
import { InflightLimiter } from "../access/index.ts";
import { SHARED_TABLE_SEED_BYTES } from "../base/index.ts";
import { CallerAdmission } from "./caller-admission.ts";
import { MAX_UNPROVED_BODIES, MAX_UNPROVED_BODIES_PER_SOURCE } from "./limits.ts";
import type { CallerLimits } from "./ports.ts";
import { readQuery } from "./query/endpoint.ts";
import { MAX_QUERY_BODY_MS } from "./query/parameters.ts";
import { codeOf, RawGateway } from "./testing/raw-gateway.ts";
import { rawHead } from "./testing/raw-http.ts";

const gateway = RawGateway.forEachTest();

const QUERY = rawHead("POST", "/", {
  host: "localhost",
  "content-type": "application/x-www-form-urlencoded",
  "transfer-encoding": "chunked",
});
const FORM = rawHead("POST", "/bkt", {
  host: "localhost",
  "content-type": "multipart/form-data; boundary=b",
  "transfer-encoding": "chunked",
});
const SOURCE = "source/127.0.0.1";

function countedLimits(): { readonly limits: CallerLimits; readonly inflight: InflightLimiter } {
  const allowed = () => ({ kind: "allow" }) as const;
  const all = { all: 1000 };
  const inflight = new InflightLimiter(
    { ...all, perName: 100 },
    InflightLimiter.memory(all, new Uint8Array(SHARED_TABLE_SEED_BYTES)),
  );
  const enter: CallerLimits["enter"] = ({ keyId, inflightLimit }) => inflight.enter(keyId, inflightLimit);
  return { inflight, limits: { take: allowed, enter, failedAuthentication: allowed } };
}

describe("bodies whose sender is not known yet", () => {
  it.each([
    ["of IAM", QUERY, "Action=GetUser", [403, "MissingAuthenticationToken"]],
    ["of forms", FORM, "--b", [400, "MalformedPOSTRequest"]],
  ])(
    "%s: only so many of one source are read at once, and others are served",
    async (_of, head, text, end) => {
      const { limits, inflight } = countedLimits();
      await gateway.start({ limits });
      const open = Array.from({ length: MAX_UNPROVED_BODIES_PER_SOURCE }, () =>
        gateway.open().write(`${head}1\r\n${text[0]}\r\n`),
      );
      await expect.poll(() => inflight.inflight(SOURCE)).toBe(open.length);
      const refused = await gateway.open().write(`${head}1\r\n${text[0]}\r\n`).response();
      expect([refused.status, codeOf(refused)]).toEqual([503, "SlowDown"]);
      expect(refused.headers.get("retry-after")).toBe("1");
      await gateway.expectHealthy();

      const rest = text.slice(1);
      const answer = await open[0]!.write(`${rest.length.toString(16)}\r\n${rest}\r\n0\r\n\r\n`).response();
      expect([answer.status, codeOf(answer)]).toEqual(end);
      await expect.poll(() => inflight.inflight(SOURCE)).toBe(open.length - 1);
      for (const { socket } of open) socket.destroy();
      await expect.poll(() => inflight.underWay).toBe(0);
    },
  );

  it("only so many of all sources are read at once", () => {
    const admission = new CallerAdmission(countedLimits().limits);
    const enter = (at: number) => admission.enterUnproved({ remoteAddress: `10.0.0.${at % 250}` });
    const leave = Array.from({ length: MAX_UNPROVED_BODIES }, (_, at) => enter(at));
    expect(() => enter(0)).toThrow(expect.objectContaining({ code: "SlowDown" }));
    leave[0]!();
    leave[0]!();
    enter(0);
    expect(() => enter(1)).toThrow(expect.objectContaining({ code: "SlowDown" }));
  });

  it("of IAM take only so long, however steadily they come", async () => {
    let nowMs = 1000;
    async function* steady(): AsyncGenerator<Uint8Array> {
      for (;;) {
        yield Buffer.from("Action=GetUser&");
        nowMs += 1000;
      }
    }
    const reading = readQuery({ body: steady() }, { monotonicMs: () => nowMs });
    await expect(reading).rejects.toMatchObject({ code: "RequestTimeout" });
    expect(nowMs).toBe(1000 + MAX_QUERY_BODY_MS + 1000);
  });
});
