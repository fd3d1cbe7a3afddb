/**
 * The network on virtual time. `SimNetworkWorld` is all of it: machines by their host names, and a link for each ordered pair of them.
 *
 * Streams are reliable and ordered, as TCP's are, so the faults of the links show as TCP shows them: a delay, a connection that breaks, or
 * silence until the keep-alive gives up. What is sent over a cut or clogged link waits; if it heals before the keep-alive's time is over,
 * everything goes on as if nothing had been. Everything is drawn from the seed of the simulation.
 *
 * - `network-link`: delays, cuts, clogs; `SimPipe` keeps the order of one direction of one connection.
 * - `network-session`: a connection and its keep-alive. `network-stream`: one side of a stream, with flow control.
 * - `network-connection`, `network-listener`: the two ends as the port has them.
 */

import { assert, type Prng } from "../../base/index.ts";
import type {
  ConnectionClass,
  Listener,
  Network,
  PeerConnection,
  PeerIdentity,
  PeerTarget,
  SocketAddress,
  StreamErrorCode,
  StreamHandler,
} from "../ports.ts";
import { type DialResult, SimPeerConnection } from "./network-connection.ts";
import { DEFAULT_SIM_NETWORK_LIMITS, type SimNetworkLimits } from "./network-limits.ts";
import { DEFAULT_LINK_PROFILE, type LinkProfile, SimLink } from "./network-link.ts";
import { SimListener } from "./network-listener.ts";
import { Endpoint, type EndpointOwner, SimSession } from "./network-session.ts";
import type { SimProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

export type { LinkProfile, SimNetworkLimits };

export interface SimNetworkWorldOptions {
  readonly limits?: Partial<SimNetworkLimits>;
  /** Of every link that is not told otherwise. */
  readonly link?: Partial<LinkProfile>;
}

export interface SimNetworkMember {
  /** The machine: what others dial, and what faults are named by. */
  readonly host: string;
  readonly process: SimProcess;
  /** Undefined for a node that has no certificate yet; it can dial, for anonymous methods, and not listen. */
  readonly identity?: PeerIdentity;
}

const FIRST_FREE_PORT = 40_000;

export class SimNetworkWorld {
  readonly simulation: Simulation;
  readonly limits: SimNetworkLimits;
  readonly #profile: LinkProfile;
  readonly #prng: Prng;
  readonly #links = new Map<string, SimLink>();
  readonly #listeners = new Map<string, SimListener>();
  readonly #sessions = new Set<SimSession>();
  #nextPort = FIRST_FREE_PORT;
  #members = 0;

  constructor(simulation: Simulation, options: SimNetworkWorldOptions = {}) {
    this.simulation = simulation;
    this.limits = { ...DEFAULT_SIM_NETWORK_LIMITS, ...options.limits };
    this.#profile = { ...DEFAULT_LINK_PROFILE, ...options.link };
    this.#prng = simulation.prng.fork("network");
  }

  /** The network as one run of a program on one machine sees it. */
  join(member: SimNetworkMember): Network {
    return new SimNetwork(this, member, this.#prng.fork(`member ${this.#members++}`));
  }

  /** Changes how the way between two machines behaves, in this direction. */
  setLink(from: string, to: string, profile: Partial<LinkProfile>): void {
    const link = this.link(from, to);
    link.profile = { ...link.profile, ...profile };
  }

  /** Nothing passes in this direction until it is healed. */
  cut(from: string, to: string): void {
    this.link(from, to).cut();
  }

  heal(from: string, to: string): void {
    this.link(from, to).heal();
  }

  /** Cuts every way between machines of different groups, in both directions. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (other === group) continue;
        for (const from of group) for (const to of other) this.cut(from, to);
      }
    }
  }

  /** Heals every link. */
  healAll(): void {
    for (const link of this.#links.values()) link.heal();
  }

  /** Nothing passes in this direction for this long. */
  clog(from: string, to: string, durationMs: number): void {
    this.link(from, to).clog(durationMs);
  }

  /** Breaks the connections of a machine, with another one or with all; say so too when its program is killed and peers should learn at once. */
  resetConnections(host: string, other?: string): void {
    for (const session of this.#sessions) if (session.joins(host, other)) session.reset();
  }

  link(from: string, to: string): SimLink {
    const key = `${from} ${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new SimLink(this.simulation, this.#prng.fork(`link ${key}`), this.#profile);
      this.#links.set(key, link);
    }
    return link;
  }

  /** A listener's place; one of a program that has died is free. Throws when another one has it. */
  bind(address: SocketAddress, create: (bound: SocketAddress) => SimListener): SimListener {
    const bound = { host: address.host, port: address.port === 0 ? this.#nextPort++ : address.port };
    const key = placeOf(bound);
    const holder = this.#listeners.get(key);
    if (holder?.process.isAlive === true) throw new Error(`the address ${key} is in use`);
    const listener = create(bound);
    this.#listeners.set(key, listener);
    return listener;
  }

  unbind(listener: SimListener): void {
    const key = placeOf(listener.address);
    if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
  }

  /** Two round trips, as TCP and TLS take, then a connection. What is lost on the way is never answered. */
  dial(
    from: SimNetworkMember,
    target: PeerTarget,
    owner: EndpointOwner,
    done: (result: DialResult) => void,
  ): void {
    const { host } = target.address;
    const there = (then: () => void): void => this.#travel(from.host, host, then);
    const back = (then: () => void): void => {
      this.#travel(host, from.host, () => from.process.schedule(0, then));
    };
    there(() => {
      const listener = this.#listeners.get(placeOf(target.address));
      if (listener?.process.isAlive !== true) {
        return back(() => done(failed("unavailable", "cannot connect: nobody listens")));
      }
      // The kernel answers for a program that is paused; TLS needs the program.
      back(() =>
        there(() =>
          listener.process.schedule(0, () => back(() => done(this.#meet(from, target, owner, listener)))),
        ),
      );
    });
  }

  #meet(from: SimNetworkMember, target: PeerTarget, owner: EndpointOwner, listener: SimListener): DialResult {
    const { identity } = listener;
    if (from.identity !== undefined && from.identity.clusterId !== identity.clusterId) {
      return failed("unauthenticated", "the peer is of another cluster");
    }
    if (target.nodeId !== undefined && target.nodeId !== identity.nodeId) {
      return failed("unauthenticated", `the peer is node ${identity.nodeId}, not node ${target.nodeId}`);
    }
    const { host } = target.address;
    const client = new Endpoint({ host: from.host, process: from.process, owner, peer: identity });
    const server = new Endpoint({ host, process: listener.process, owner: listener, peer: from.identity });
    const session = new SimSession({
      simulation: this.simulation,
      client,
      server,
      toServer: this.link(from.host, host),
      toClient: this.link(host, from.host),
      keepAlive: { intervalMs: this.limits.keepAliveIntervalMs, timeoutMs: this.limits.keepAliveTimeoutMs },
      onGone: (gone) => this.#sessions.delete(gone),
    });
    this.#sessions.add(session);
    return { kind: "ok", endpoint: client };
  }

  #travel(from: string, to: string, then: () => void): void {
    const link = this.link(from, to);
    if (!link.isOpen) return;
    this.simulation.schedule(link.arrivalMs(0) - this.simulation.nowMs, () => {
      if (link.isOpen) then();
    });
  }
}

function failed(code: StreamErrorCode, message: string): DialResult {
  return { kind: "failed", error: { code, message } };
}

function placeOf(address: SocketAddress): string {
  return `${address.host}:${address.port}`;
}

class SimNetwork implements Network {
  readonly #world: SimNetworkWorld;
  readonly #member: SimNetworkMember;
  readonly #prng: Prng;
  readonly #connections = new Map<string, SimPeerConnection>();
  readonly #listeners = new Set<SimListener>();

  constructor(world: SimNetworkWorld, member: SimNetworkMember, prng: Prng) {
    this.#world = world;
    this.#member = member;
    this.#prng = prng;
  }

  async listen(address: SocketAddress, handlers: ReadonlyMap<string, StreamHandler>): Promise<Listener> {
    const { identity, process, host } = this.#member;
    assert(identity !== undefined, "who listens has an identity");
    const listener = this.#world.bind({ host, port: address.port }, (bound) => {
      const { limits } = this.#world;
      const onClosing = (): void => {
        this.#world.unbind(listener);
        this.#listeners.delete(listener);
      };
      return new SimListener({
        address: bound,
        identity,
        process,
        prng: this.#prng,
        limits,
        handlers,
        onClosing,
      });
    });
    this.#listeners.add(listener);
    return listener;
  }

  connect(target: PeerTarget, connectionClass: ConnectionClass): PeerConnection {
    const key = `${connectionClass} ${target.nodeId ?? "any"} ${placeOf(target.address)}`;
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    const connection = new SimPeerConnection({
      simulation: this.#world.simulation,
      process: this.#member.process,
      prng: this.#prng,
      limits: this.#world.limits,
      target,
      identity: this.#member.identity,
      dial: (owner, done) => this.#world.dial(this.#member, target, owner, done),
      onClosed: () => this.#connections.delete(key),
    });
    this.#connections.set(key, connection);
    return connection;
  }

  async close(): Promise<void> {
    for (const connection of [...this.#connections.values()]) connection.close();
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
  }
}
