import { connect, type Socket } from "node:net";

/** A connection on which a caller writes what it likes. */
export interface Spoken {
  readonly socket: Socket;
  /** What came, up to the end of the connection. */
  readonly all: Promise<string>;
  /** Resolves when `text` has come. */
  has(text: string): Promise<void>;
}

/** Callers without a library, which may stop, leave or send nonsense wherever they like. */
export class RawCallers {
  readonly #sockets: Socket[] = [];

  /** Connects to the API at `baseUrl` and writes `text`. */
  speak(baseUrl: string, text: string): Promise<Spoken> {
    const socket = connect(Number(new URL(baseUrl).port), "127.0.0.1");
    this.#sockets.push(socket);
    let heard = "";
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      heard += bytes.toString("latin1");
    });
    const all = new Promise<string>((resolve) => socket.once("close", () => resolve(heard)));
    const has = (wanted: string) =>
      new Promise<void>((resolve) => {
        const look = () => heard.includes(wanted) && resolve();
        socket.on("data", look);
        look();
      });
    return new Promise((resolve) => {
      socket.once("connect", () => socket.write(text, () => resolve({ socket, all, has })));
    });
  }

  /** Cuts all of them. */
  leave(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }
}
