import { storeIndex, type ThreadPort, unpackBytes } from "../../base/index.ts";
import { RaftUnavailable, WalError } from "../errors.ts";
import { type RaftPlatform, type StartedRaft, startRaftInline } from "../shell/index.ts";
import type { FromRaft, RaftTls, StartError, ThreadStart, ToRaft } from "./protocol.ts";
import { RemoteStateMachine } from "./remote-state-machine.ts";

/** How often the figures of the status (commit, applied, progress) are told, if they have changed. */
const STATUS_INTERVAL_MS = 100;

export interface ServeOptions {
  readonly port: ThreadPort<FromRaft, ToRaft>;
  readonly platform: RaftPlatform;
  readonly start: ThreadStart;
  readonly updateCredentials: (tls: RaftTls) => void;
  /** Everything is closed: the thread may end. */
  readonly onClosed: () => void;
}

/** The Raft thread's side: runs the member, and speaks for it. */
export async function serveRaft(options: ServeOptions): Promise<void> {
  const { port, platform, start } = options;
  const stateMachine = new RemoteStateMachine(port);
  let group: StartedRaft | undefined;
  port.onMessage((message) => {
    if (message.kind === "returned") stateMachine.returned(message.id, message.result);
    else if (message.kind === "threw") stateMachine.threw(message.id, message.message);
    else if (group !== undefined) handle(options, group, message);
  });
  try {
    group = await startRaftInline({
      ...start,
      platform,
      stateMachine,
      onFatal: ({ kind, message, stack = "" }) =>
        port.post({ kind: "fatal", fatalKind: kind, message, stack }),
      onEvent: (event) => port.post({ kind: "event", event }),
      onReadIndex: (index) => storeIndex(start.readIndex, index),
    });
  } catch (error) {
    port.post({ kind: "not-started", error: startErrorOf(error) });
    options.onClosed();
    return;
  }
  port.post({ kind: "started", address: group.address, status: group.status() });
  group.onStatus((status) => port.post({ kind: "status", status, changed: true }));
  tellStatus(options, group, "");
}

function tellStatus(options: ServeOptions, group: StartedRaft, before: string): void {
  options.platform.timers.after(STATUS_INTERVAL_MS, () => {
    const status = group.status();
    const text = JSON.stringify(status);
    if (text !== before) options.port.post({ kind: "status", status, changed: false });
    tellStatus(options, group, text);
  });
}

type Request = Exclude<ToRaft, { readonly kind: "returned" | "threw" }>;

function handle(options: ServeOptions, group: StartedRaft, message: Request): void {
  const { port } = options;
  switch (message.kind) {
    case "propose": {
      const payloads = unpackBytes(message.payloads);
      for (const payload of payloads) group.propose(payload);
      port.post({ kind: "proposals-taken", count: payloads.length, bytes: message.payloads.bytes.length });
      return;
    }
    case "read":
      read(port, group, message.id, message.timeoutMs);
      return;
    case "change-configuration":
      group.proposeConfigurationChange(message.changes);
      return;
    case "transfer-leadership":
      group.transferLeadership(message.to);
      return;
    case "received-snapshot":
      void group.receivedSnapshot(message.message).then(
        (installed) => port.post({ kind: "snapshot-decided", id: message.id, installed }),
        // Not a message at all: of no use.
        () => port.post({ kind: "snapshot-decided", id: message.id, installed: false }),
      );
      return;
    case "set-peers":
      group.setPeers(message.peers, message.refused);
      return;
    case "update-credentials":
      options.updateCredentials(message.tls);
      return;
    case "close":
      void group.close().finally(() => {
        port.post({ kind: "closed" });
        options.onClosed();
      });
  }
}

function read(port: ThreadPort<FromRaft, ToRaft>, group: StartedRaft, id: number, timeoutMs: number): void {
  group.readIndex(timeoutMs).then(
    (index) => port.post({ kind: "read-index", id, index }),
    (error: unknown) => {
      const reason = error instanceof RaftUnavailable ? error.reason : "stopped";
      port.post({ kind: "read-refused", id, reason, message: String(error) });
    },
  );
}

function startErrorOf(error: unknown): StartError {
  if (error instanceof WalError) return { kind: "wal", code: error.code, message: error.message };
  return { kind: "other", message: error instanceof Error ? error.message : String(error) };
}
