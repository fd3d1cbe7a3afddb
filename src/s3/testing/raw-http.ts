import { connect, type Socket } from "node:net";
import type { SocketAddress } from "../../platform/index.ts";

export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A connection on which a test writes what it likes and reads what comes. */
export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(address: SocketAddress) {
    this.socket = connect({ host: address.host, port: address.port, allowHalfOpen: true });
    this.socket.on("data", (piece) => {
      this.#received = Buffer.concat([this.#received, piece]);
      this.#wake?.();
    });
    for (const event of ["end", "close", "error"]) {
      this.socket.on(event, () => {
        this.#closed = true;
        this.#wake?.();
      });
    }
  }

  get received(): string {
    return this.#received.toString("latin1");
  }

  write(data: string | Uint8Array): this {
    this.socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
    return this;
  }

  /** The next response, with as much body as its Content-Length says or as there is until the end. */
  async response(options: { readonly head?: boolean } = {}): Promise<RawResponse> {
    const headEnd = await this.#until(() => {
      const at = this.#received.indexOf("\r\n\r\n");
      return at < 0 ? undefined : at;
    });
    if (headEnd === undefined) throw new Error(`the connection ended without a response: ${this.received}`);
    const [statusLine = "", ...lines] = this.#received.subarray(0, headEnd).toString("latin1").split("\r\n");
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(statusLine.split(" ")[1]);
    const bodyless = options.head === true || status === 204 || status === 304 || status < 200;
    const length = bodyless ? 0 : Number(headers.get("content-length") ?? 0);
    const start = headEnd + 4;
    await this.#until(() => (this.#received.length >= start + length ? length : undefined));
    const body = this.#received.subarray(start, start + length).toString("utf8");
    this.#received = this.#received.subarray(start + length);
    return { status, headers, body };
  }

  /** Resolves when the server has closed its side. */
  async closed(): Promise<void> {
    await this.#until(() => undefined);
  }

  /** What `ready` gives, or undefined when the connection ends first. */
  async #until<T>(ready: () => T | undefined): Promise<T | undefined> {
    for (;;) {
      const result = ready();
      if (result !== undefined || this.#closed) return result;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** A request's head as bytes. */
export function rawHead(method: string, target: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}
