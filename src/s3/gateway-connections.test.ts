import { connect } from "node:net";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualTime } from "../platform/testing/manual-time.ts";
import { codeOf, RawGateway, sign } from "./testing/raw-gateway.ts";
import { rawHead } from "./testing/raw-http.ts";
import { WRITER } from "./testing/rig.ts";

const gateway = RawGateway.forEachTest();

describe("HTTP", () => {
  it("100 Continue comes only when the head has passed", async () => {
    const headers = { "content-length": "5", expect: "100-continue" };
    const wrong = { ...WRITER, secretAccessKey: "wrong" };
    const bad = gateway
      .open()
      .write(rawHead("PUT", "/bkt/k", sign("PUT", "/bkt/k", { headers, credentials: wrong }).headers));
    const refused = await bad.response();
    expect([refused.status, refused.headers.get("connection")]).toEqual([403, "close"]);
    await bad.closed();
    const missing = gateway
      .open()
      .write(rawHead("PUT", "/none/k", sign("PUT", "/none/k", { headers }).headers));
    expect((await missing.response()).status).toBe(404);
    const good = gateway.open().write(rawHead("PUT", "/bkt/k", sign("PUT", "/bkt/k", { headers }).headers));
    expect((await good.response()).status).toBe(100);
    expect((await good.write("hello").response()).status).toBe(200);
    expect(await gateway.stored("k")).toBe(true);
  });

  it.each(["200", ""])("an expectation that is none is passed over: %j", async (expectation) => {
    const headers = { "content-length": "5", expect: expectation };
    const connection = gateway
      .open()
      .write(rawHead("PUT", "/bkt/expected", sign("PUT", "/bkt/expected", { headers }).headers));
    expect((await connection.write("hello").response()).status).toBe(200);
    expect(await gateway.stored("expected")).toBe(true);
  });

  it("a connection is used again after answers and errors", async () => {
    const connection = gateway.open();
    const wrong = { ...WRITER, secretAccessKey: "wrong" };
    const headers = { "content-length": "5" };
    for (const credentials of [WRITER, wrong, WRITER]) {
      connection
        .write(rawHead("PUT", "/bkt/k", sign("PUT", "/bkt/k", { headers, credentials }).headers))
        .write("hello");
      expect((await connection.response()).status).toBe(credentials === wrong ? 403 : 200);
    }
    connection.write(rawHead("PUT", "/none/k", sign("PUT", "/none/k", { headers }).headers)).write("hel");
    expect((await connection.response()).status).toBe(404);
    connection.write("lo").write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
    expect((await connection.response()).body).toBe("hello");
  });

  it("requests in one packet are answered in order", async () => {
    const connection = gateway.open();
    const one = rawHead(
      "PUT",
      "/bkt/p",
      sign("PUT", "/bkt/p", { headers: { "content-length": "1" } }).headers,
    );
    const two = rawHead("GET", "/bkt/p", sign("GET", "/bkt/p").headers);
    const three = rawHead("GET", "/bkt/none", sign("GET", "/bkt/none").headers);
    connection.write(`${one}1`);
    expect((await connection.response()).status).toBe(200);
    connection.write(two + three + two);
    expect((await connection.response()).body).toBe("1");
    expect((await connection.response()).status).toBe(404);
    expect((await connection.response()).body).toBe("1");
  });

  it("a client that sends a large body to a closed door sees why", async () => {
    const sizeBytes = 64 * 1024 * 1024;
    const wrong = { ...WRITER, secretAccessKey: "wrong" };
    const { headers } = sign("PUT", "/bkt/k", {
      headers: { "content-length": String(sizeBytes) },
      credentials: wrong,
    });
    const connection = gateway.open().write(rawHead("PUT", "/bkt/k", headers));
    for (let sent = 0; sent < 4; sent += 1) connection.write(Buffer.alloc(512 * 1024));
    const response = await connection.response();
    expect([response.status, codeOf(response), response.headers.get("connection")]).toEqual([
      403,
      "SignatureDoesNotMatch",
      "close",
    ]);
    connection.socket.end();
    await connection.closed();
    await gateway.expectHealthy();
  });

  it("what is not HTTP, or too much of it, is refused", async () => {
    const garbage = await gateway.open().write("HELLO\r\n\r\n").response();
    expect([garbage.status, codeOf(garbage)]).toEqual([400, "BadRequest"]);
    const long = await gateway
      .open()
      .write(rawHead("GET", "/bkt/k", { host: "h", "x-long": "x".repeat(40_000) }))
      .response();
    expect([long.status, codeOf(long)]).toEqual([400, "RequestHeaderSectionTooLarge"]);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-h-${index}`, "v"]));
    const crowded = await gateway
      .open()
      .write(rawHead("GET", "/bkt/k", { host: "h", ...many }))
      .response();
    expect([crowded.status, codeOf(crowded)]).toEqual([400, "RequestHeaderSectionTooLarge"]);
    const both = { host: "h", "content-length": "3", "transfer-encoding": "chunked" };
    expect(
      (
        await gateway
          .open()
          .write(rawHead("PUT", "/bkt/k", both))
          .response()
      ).status,
    ).toBe(400);
    const key = "k".repeat(1025);
    expect(codeOf(await gateway.send("PUT", `/bkt/${key}`, "x"))).toBe("KeyTooLongError");
    await gateway.expectHealthy();
  });

  it("bytes that cannot be read are an error while the head is unsent, and a cut afterwards", async () => {
    await gateway.send("PUT", "/bkt/k", "x".repeat(200_000));
    gateway.rig.store.failReadsAfterBytes = 0;
    const refused = await gateway.send("GET", "/bkt/k");
    expect([refused.status, codeOf(refused)]).toEqual([503, "ServiceUnavailable"]);
    gateway.rig.store.failReadsAfterBytes = 65_536;
    const connection = gateway.open().write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
    await connection.closed();
    expect(connection.received).toContain("Content-Length: 200000");
    expect(connection.received.length).toBeLessThan(200_000);
    expect(gateway.rig.events.at(-1)).toMatchObject({
      completed: false,
      errorCode: "ServiceUnavailable",
      status: 200,
    });
    gateway.rig.store.failReadsAfterBytes = undefined;
    await gateway.expectHealthy();
  });

  it("a client that leaves in the middle of an answer takes nobody with it", async () => {
    await gateway.send("PUT", "/bkt/k", "x".repeat(50));
    let left: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    let released = false;
    async function* slow() {
      try {
        yield Buffer.from("x".repeat(10));
        await gone;
        for (let piece = 0; piece < 4; piece += 1) yield Buffer.from("x".repeat(10));
      } finally {
        released = true;
      }
    }
    const getObject = gateway.rig.store.getObject.bind(gateway.rig.store);
    gateway.rig.store.getObject = async (request) => {
      request.caller.signal.addEventListener("abort", () => left());
      const { held: _, ...result } = await getObject(request);
      return { ...result, body: slow() };
    };
    const connection = gateway.open().write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
    await expect.poll(() => connection.received).toContain("xxxxxxxxxx");
    connection.socket.resetAndDestroy();
    await expect
      .poll(() => gateway.rig.events.at(-1))
      .toMatchObject({ operation: "GetObject", completed: false });
    expect(released).toBe(true);
    gateway.rig.store.getObject = getObject;
    await gateway.expectHealthy();
  });

  it("an answer is as long as its head says, whatever its source gives", async () => {
    await gateway.send("PUT", "/bkt/k", "12345");
    const getObject = gateway.rig.store.getObject.bind(gateway.rig.store);
    const serve = async (...pieces: string[]): Promise<string> => {
      gateway.rig.store.getObject = async (request) => {
        const { held: _, ...result } = await getObject(request);
        const body = (async function* () {
          for (const piece of pieces) yield Buffer.from(piece);
        })();
        return { ...result, body };
      };
      const connection = gateway.open().write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
      return connection.response().then(
        (response) => response.body,
        () => "cut before the head was out",
      );
    };
    expect(await serve("", "12", "", "345", "")).toBe("12345");
    expect(gateway.rig.unexpected.splice(0)).toEqual([]);
    expect(await serve("12")).not.toBe("12345");
    expect(String(gateway.rig.unexpected.splice(0))).toContain("shorter than its Content-Length");
    expect(await serve("1234", "56")).not.toBe("12345");
    expect(String(gateway.rig.unexpected.splice(0))).toContain("longer than its Content-Length");
    gateway.rig.store.getObject = getObject;
    await gateway.expectHealthy();
  });

  it("an answer whose head HTTP cannot carry is an error, and not just a cut", async () => {
    await gateway.send("PUT", "/bkt/k", "12345");
    const { store } = gateway.rig;
    const [getObject, headObject] = [store.getObject.bind(store), store.headObject.bind(store)];
    store.getObject = async (request) => {
      const { held: _, ...result } = await getObject(request);
      return { ...result, info: { ...result.info, etag: "a\nb" } };
    };
    store.headObject = async (request) => ({ ...(await headObject(request)), etag: "a\nb" });
    const connection = gateway.open();
    for (const method of ["GET", "HEAD"]) {
      connection.write(rawHead(method, "/bkt/k", sign(method, "/bkt/k").headers));
      await expect.poll(() => connection.received).toContain("HTTP/1.1 500 Internal Server Error");
      const response = await connection.response({ head: method === "HEAD" });
      expect(codeOf(response)).toBe(method === "GET" ? "InternalError" : "status 500");
      expect(String(gateway.rig.unexpected.splice(0))).toContain("Invalid character in header content");
      expect(gateway.rig.events.at(-1)).toMatchObject({ status: 500, errorCode: "InternalError" });
    }
    Object.assign(store, { getObject, headObject });
    connection.write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
    expect((await connection.response()).body).toBe("12345");
  });

  it("a request before what is not HTTP is answered, as it was whole", async () => {
    const headers = { "content-length": "5" };
    const whole = (key: string) =>
      `${rawHead("PUT", `/bkt/${key}`, sign("PUT", `/bkt/${key}`, { headers }).headers)}hello`;
    const connection = gateway.open().write(`${whole("a")}${whole("b")}garbage\r\n\r\n`);
    for (const key of ["a", "b"]) {
      expect((await connection.response()).status).toBe(200);
      expect(await gateway.stored(key)).toBe(true);
    }
    await connection.closed();
    expect(connection.received).toBe("");
    await gateway.expectHealthy();
  });

  it("a guesser is told to slow down, and when to come back", async () => {
    const slow = { failedAuthentication: () => ({ kind: "limited", retryAfterMs: 1500 }) as const };
    await gateway.start({ limits: { take: () => ({ kind: "allow" }), enter: () => undefined, ...slow } });
    const wrong = await gateway.send("GET", "/", "", {
      credentials: { ...WRITER, secretAccessKey: "wrong" },
    });
    expect([wrong.status, codeOf(wrong), wrong.headers.get("retry-after")]).toEqual([503, "SlowDown", "2"]);
    expect(codeOf(await gateway.send("GET", "/"))).toBe("SlowDown");
  });

  it("every admitted caller is released", async () => {
    let inside = 0;
    await gateway.start({
      limits: {
        take: () => ({ kind: "allow" }),
        enter: () => {
          inside += 1;
          return () => {
            inside -= 1;
          };
        },
        failedAuthentication: () => ({ kind: "allow" }),
      },
    });
    await gateway.send("PUT", "/none/k", "x");
    await gateway.send("GET", "/");
    await gateway.send("GET", "/bkt?policy");
    await expect.poll(() => inside).toBe(0);
  });
});

describe("clients that stall", () => {
  beforeEach(async () => {
    await gateway.start({
      serverLimits: { stallTimeoutMs: 60, sendStallTimeoutMs: 60, minProgressBytes: 1024 },
    });
  });

  it("while sending are told and cut off", async () => {
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const connection = gateway
      .open()
      .write(rawHead("PUT", "/bkt/k", headers))
      .write("12345");
    const response = await connection.response();
    expect([response.status, codeOf(response)]).toEqual([400, "RequestTimeout"]);
    await connection.closed();
    expect(await gateway.stored("k")).toBe(false);
  });

  it("while reading are cut off", async () => {
    await gateway.storeDirectly("big", Buffer.alloc(32 * 1024 * 1024));
    const connection = gateway.open();
    connection.socket.pause();
    connection.write(rawHead("GET", "/bkt/big", sign("GET", "/bkt/big").headers));
    await expect
      .poll(() => gateway.rig.events.at(-1), { timeout: 5000 })
      .toMatchObject({ operation: "GetObject", completed: false });
  });
});

it("a client that reads slowly has the time in which the system's buffers hide that it does", async () => {
  const time = new ManualTime();
  await gateway.start({ serverTime: time });
  await gateway.storeDirectly("big", Buffer.alloc(64 * 1024 * 1024));
  const { host, port } = gateway.rig.address;
  const socket = connect({ host, port });
  let [goalBytes, onGoal] = [0, () => {}];
  socket.on("data", () => {
    if (socket.bytesRead < goalBytes) return;
    socket.pause();
    onGoal();
  });
  socket.pause();
  const readTo = (bytes: number) =>
    new Promise<void>((resolve) => {
      [goalBytes, onGoal] = [bytes, resolve];
      socket.resume();
    });
  socket.write(rawHead("GET", "/bkt/big", sign("GET", "/bkt/big").headers));
  const patience = { timeout: 20_000 };
  const almost = 5 * 60_000 - 1;
  // More at a time than all buffers between the two hold, so that the server has seen some of it.
  for (const mib of [0, 16, 32]) {
    if (mib > 0) await readTo(mib * 1024 * 1024);
    await expect.poll(() => time.pending, patience).toBeGreaterThan(0);
    time.pass(almost);
    await new Promise(setImmediate);
    expect(gateway.rig.events).toEqual([]);
  }
  await expect
    .poll(() => {
      time.pass(almost);
      return gateway.rig.events.at(-1);
    }, patience)
    .toMatchObject({ operation: "GetObject", completed: false });
  socket.destroy();
}, 90_000);

describe("shutdown", () => {
  it("finishes what is under way and takes nothing new", async () => {
    const idle = gateway.open().write(rawHead("GET", "/bkt", sign("GET", "/bkt").headers));
    expect((await idle.response()).status).toBe(200);
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const busy = gateway
      .open()
      .write(rawHead("PUT", "/bkt/k", headers))
      .write("12345");
    await expect.poll(() => gateway.rig.server.inflight).toBe(1);
    const closing = gateway.rig.server.close(5000);
    await idle.closed();
    busy.write("67890");
    const response = await busy.response();
    expect([response.status, response.headers.get("connection")]).toEqual([200, "close"]);
    await closing;
    await expect(fetch(gateway.rig.endpoint)).rejects.toThrow();
    expect(await gateway.stored("k")).toBe(true);
  });

  it("cuts what does not finish in time", async () => {
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const stuck = gateway
      .open()
      .write(rawHead("PUT", "/bkt/k", headers))
      .write("12345");
    await expect.poll(() => gateway.rig.server.inflight).toBe(1);
    await gateway.rig.server.close(20);
    await stuck.closed();
    expect(await gateway.stored("k")).toBe(false);
  });
});
