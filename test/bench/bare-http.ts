/**
 * A bare node:http server, a process of its own: what Node does with the same requests when nothing is signed, kept or looked up. PUT reads the body and
 * computes the MD5 that S3 demands; GET answers from memory up to 1 MiB, beyond it from a file in steps of 1 MiB. Prints its port.
 */
import { createHash, hash } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const IN_MEMORY_BYTES = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "skerry-bare-"));
const files = new Map<number, string>();
const bodies = new Map<number, Buffer>();

const server = createServer((request, response) => {
  // Paths are /bucket/size/key.
  const sizeBytes = Number(request.url?.split("/")[2]);
  if (request.method === "PUT") take(request, response, sizeBytes);
  else give(response, sizeBytes);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
process.stdin.resume().once("close", () => {
  rmSync(folder, { recursive: true });
  process.exit();
});

function take(request: IncomingMessage, response: ServerResponse, sizeBytes: number): void {
  const running = sizeBytes > IN_MEMORY_BYTES ? createHash("md5") : undefined;
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => {
    if (running === undefined) pieces.push(piece);
    else running.update(piece);
  });
  request.on("end", () => {
    const etag = running?.digest("hex") ?? hash("md5", Buffer.concat(pieces), "hex");
    response.writeHead(200, { ETag: `"${etag}"`, "Content-Length": 0 }).end();
  });
}

function give(response: ServerResponse, sizeBytes: number): void {
  response.writeHead(200, { "Content-Length": sizeBytes });
  if (sizeBytes <= IN_MEMORY_BYTES) {
    const body = bodies.get(sizeBytes) ?? Buffer.alloc(sizeBytes, 7);
    bodies.set(sizeBytes, body);
    response.end(body);
    return;
  }
  let file = files.get(sizeBytes);
  if (file === undefined) {
    file = join(folder, String(sizeBytes));
    writeFileSync(file, Buffer.alloc(sizeBytes, 7));
    files.set(sizeBytes, file);
  }
  createReadStream(file, { highWaterMark: 1024 * 1024 }).pipe(response);
}
