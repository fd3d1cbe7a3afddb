import { Readable } from "node:stream";
import { afterEach, beforeEach, expect } from "vitest";
import { RawConnection, type RawResponse, rawHead } from "./raw-http.ts";
import { type Rig, startRig, WRITER } from "./rig.ts";
import { type Signed, type SignInput, signRequest } from "./sign.ts";

const OWNER = { id: "a".repeat(64), displayName: "user a" };
const UNSIGNED = "UNSIGNED-PAYLOAD";

/** A gateway with the bucket "bkt" for each test of a file, and what it takes to write to it byte by byte. */
export class RawGateway {
  #rig: Rig | undefined;
  readonly #connections: RawConnection[] = [];

  /** For the file that calls it: a gateway before each test, which must have met nothing unexpected after it. */
  static forEachTest(): RawGateway {
    const gateway = new RawGateway();
    beforeEach(() => gateway.start());
    afterEach(() => gateway.#end());
    return gateway;
  }

  get rig(): Rig {
    if (this.#rig === undefined) throw new Error("outside of a test");
    return this.#rig;
  }

  /** Also for another one in the middle of a test, in the place of the first. */
  async start(options: Parameters<typeof startRig>[0] = {}): Promise<void> {
    await this.#rig?.close();
    this.#rig = await startRig(options);
    await this.#rig.store.createBucket({ bucket: "bkt", region: "us-east-1", owner: OWNER });
  }

  async #end(): Promise<void> {
    for (const connection of this.#connections.splice(0)) connection.socket.destroy();
    await this.rig.close();
    expect(this.rig.unexpected).toEqual([]);
    this.#rig = undefined;
  }

  open(): RawConnection {
    const connection = new RawConnection(this.rig.address);
    this.#connections.push(connection);
    return connection;
  }

  /** Sends one request in one piece and reads the answer. */
  async send(
    method: string,
    target: string,
    body: string | Uint8Array = "",
    extra: Partial<SignInput> & { readonly after?: Record<string, string> } = {},
  ): Promise<RawResponse> {
    const { after, ...input } = extra;
    const length: Record<string, string> =
      body.length > 0 || method === "PUT" ? { "content-length": String(Buffer.from(body).length) } : {};
    const { headers } = sign(method, target, { ...input, headers: { ...length, ...input.headers } });
    const connection = this.open().write(rawHead(method, target, { ...headers, ...after }));
    if (body.length > 0) connection.write(body);
    return connection.response({ head: method === "HEAD" });
  }

  async storeDirectly(key: string, bytes: Uint8Array): Promise<void> {
    await this.rig.store.putObject({
      bucket: "bkt",
      key,
      body: { sizeBytes: bytes.length, bytes: Readable.from([bytes]), expected: {} },
      attributes: { contentType: "", headers: new Map(), userMetadata: new Map(), storageClass: "STANDARD" },
      owner: OWNER,
      signal: new AbortController().signal,
    });
  }

  async stored(key: string): Promise<boolean> {
    return this.rig.store.headObject({ bucket: "bkt", key }).then(
      () => true,
      () => false,
    );
  }

  /** After whatever happened, the server must serve the next caller. */
  async expectHealthy(): Promise<void> {
    expect((await this.send("PUT", "/bkt/healthy", "fine")).status).toBe(200);
    expect((await this.send("GET", "/bkt/healthy")).body).toBe("fine");
  }
}

export function sign(method: string, target: string, extra: Partial<SignInput> = {}): Signed {
  return signRequest({
    method,
    target,
    payloadHash: UNSIGNED,
    credentials: WRITER,
    nowMs: Date.now(),
    ...extra,
    headers: { host: "localhost", ...extra.headers },
  });
}

export function codeOf(response: RawResponse): string {
  return /<Code>(.*)<\/Code>/.exec(response.body)?.[1] ?? `status ${response.status}`;
}
