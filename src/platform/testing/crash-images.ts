/**
 * Crash consistency: runs a script on a simulated disk, stops at each moment at which something is about to become durable, and tries
 * what a power loss may leave there: every unsynced write kept, dropped or torn, every name that was not synced there or not. What is found
 * after recovery is held against what had been promised.
 *
 * The moment just before a sync takes effect stands for all moments since the one before: whatever those may leave on the disk it may leave
 * too (the later writes dropped), and more has been promised by then.
 *
 * - Few choices: all combinations. Many: all kept, all lost, each alone, and random ones from the seed.
 * - A crash during recovery: the same at the sync points of the recovery.
 * - kill -9 instead of a power loss: unsynced bytes are still read, and what recovery believed must be there after a power loss too.
 */

import { createPrng, type Prng } from "../../base/index.ts";
import { type CrashPolicy, SimMachine, Simulation, type VolumeImage } from "../sim/index.ts";
import { DecidedCrash, DROP, FateTree, KEEP } from "./fate-tree.ts";

/** One machine and its time. */
export interface CrashWorld {
  readonly simulation: Simulation;
  readonly machine: SimMachine;
}

export interface CrashScript<Progress> {
  readonly finished: Promise<void>;
  /** What has been promised so far; must not change later. */
  progress(): Progress;
}

export interface CrashSubject<Progress, State> {
  readonly name: string;
  /** Begins the script on a new machine. Nothing in it may wait for anything but virtual time. */
  run(world: CrashWorld): CrashScript<Progress>;
  /** Starts again on what the disk holds. Rejecting is a failure. */
  recover(world: CrashWorld): Promise<Recovered<State>>;
  /** Throws when what was found breaks a promise. */
  check(state: State, progress: Progress): void;
  /** Throws unless what one recovery has shown, or what was promised after it, is still there after a power loss. */
  checkStays(before: State, after: State): void;
}

export interface Recovered<State> {
  /** What is there. */
  readonly state: State;
  /** Changes something more and waits until that is promised. Resolves with what must be there from then on. */
  goOn(): Promise<State>;
}

export interface CrashBudget {
  readonly seed: string;
  /** Sync points of the script that are tried; a random choice when there are more. */
  readonly points: number;
  /** Combinations of one moment, up to which all of them are tried. */
  readonly combinations: number;
  /** Random crashes of a moment that has more. */
  readonly randomImages: number;
  /** Of the images of one moment, how many also see crashes during recovery and after it. */
  readonly recoveries: number;
}

const SCALE = Number(process.env["SKERRY_CRASH_SCALE"] ?? 1);

/** For the tests that try crashes, whatever the scale. */
export const CRASH_TEST_TIMEOUT_MS = 240_000 * SCALE * SCALE;

/**
 * What `make test` takes of a script with so many points tried, times SKERRY_CRASH_SCALE (`make crash`); SKERRY_CRASH_SEED chooses another seed.
 */
export function crashBudget(seed: string, points: number): CrashBudget {
  return {
    seed: process.env["SKERRY_CRASH_SEED"] ?? seed,
    points: points * SCALE,
    combinations: 24 * SCALE,
    randomImages: 6 * SCALE,
    recoveries: 1 + SCALE,
  };
}

export interface CrashCounts {
  readonly syncPoints: number;
  readonly triedPoints: number;
  /** Points of which every combination was tried. */
  exhaustedPoints: number;
  images: number;
  /** Crashes during a recovery. */
  recoveryImages: number;
  /** Recoveries after kill -9, each followed by a power loss. */
  kills: number;
}

interface Moment<Progress> {
  readonly image: VolumeImage;
  readonly progress: Progress;
  readonly label: string;
}

/** Tries the crashes of a subject; throws at the first that breaks a promise. Prints what was tried, and the seed. */
export async function tryCrashes<Progress, State>(
  subject: CrashSubject<Progress, State>,
  budget: CrashBudget,
): Promise<CrashCounts> {
  const moments = await momentsOf(subject, budget.seed);
  const prng = createPrng(`${budget.seed}/choice`);
  const tried = sample(moments, budget.points, prng);
  const counts: CrashCounts = {
    syncPoints: moments.length,
    triedPoints: tried.length,
    exhaustedPoints: 0,
    images: 0,
    recoveryImages: 0,
    kills: 0,
  };
  for (const moment of tried) await new MomentTrial(subject, moment, budget, counts).run();
  console.log(`crashes of ${subject.name}: ${JSON.stringify(counts)} (SKERRY_CRASH_SEED=${budget.seed})`);
  return counts;
}

function newWorld(seed: string): CrashWorld {
  const simulation = new Simulation(seed);
  return { simulation, machine: new SimMachine(simulation, "crashing") };
}

/** Much more than any recovery takes. */
const LIMIT_MS = 3_600_000;

/** Runs the script once, whole, and takes a picture at each of its sync points and at its end. */
async function momentsOf<Progress, State>(
  subject: CrashSubject<Progress, State>,
  seed: string,
): Promise<Moment<Progress>[]> {
  const world = newWorld(seed);
  const moments: Moment<Progress>[] = [];
  const capture = (what: string): void => {
    const label = `${subject.name}, seed ${seed}, sync point ${moments.length} (${what})`;
    moments.push({ image: world.machine.volume.capture(), progress: script.progress(), label });
  };
  const script = subject.run(world);
  onSync(world.machine, capture);
  await world.simulation.complete(script.finished, LIMIT_MS);
  capture("the end");
  return moments;
}

function onSync(machine: SimMachine, action: (what: string) => void): void {
  machine.volume.faults.intercept = (operation, path) => {
    if (operation === "sync" || operation === "sync-directory" || operation === "store-write")
      action(`${operation} ${path}`);
    return undefined;
  };
}

class MomentTrial<Progress, State> {
  readonly #subject: CrashSubject<Progress, State>;
  readonly #moment: Moment<Progress>;
  readonly #budget: CrashBudget;
  readonly #counts: CrashCounts;
  readonly #prng: Prng;
  #recoveriesLeft: number;

  constructor(
    subject: CrashSubject<Progress, State>,
    moment: Moment<Progress>,
    budget: CrashBudget,
    counts: CrashCounts,
  ) {
    this.#subject = subject;
    this.#moment = moment;
    this.#budget = budget;
    this.#counts = counts;
    this.#prng = createPrng(moment.label);
    this.#recoveriesLeft = budget.recoveries;
  }

  async run(): Promise<void> {
    const asked = this.#askedWhenKept();
    const combinations = asked.reduce((product, choices) => product * choices, 1);
    if (combinations <= this.#budget.combinations) await this.#tryAll();
    else await this.#trySome(asked);
    await this.#kill();
  }

  /** How many choices there are for each change when nothing is lost. */
  #askedWhenKept(): readonly number[] {
    const crash = new DecidedCrash(() => KEEP);
    this.#diskAfter("count", crash);
    return crash.asked;
  }

  async #tryAll(): Promise<void> {
    this.#counts.exhaustedPoints++;
    const tree = new FateTree();
    do {
      const crash = tree.crash();
      const disk = this.#diskAfter("all", crash);
      await this.#try(disk, `fates ${tree.label}`);
    } while (tree.advance());
  }

  async #trySome(asked: readonly number[]): Promise<void> {
    const changes = [...asked.keys()];
    const alone = sample(changes, this.#budget.randomImages, this.#prng);
    await this.#tryDecided("all kept", () => KEEP);
    await this.#tryDecided("all lost", () => DROP);
    for (const one of alone) {
      await this.#tryDecided(`all but ${one} kept`, (change) => (change === one ? DROP : KEEP));
      await this.#tryDecided(`all but ${one} lost`, (change) => (change === one ? KEEP : DROP));
      const torn = this.#prng.below(8);
      const tear = (change: number, choices: number): number =>
        change === one && choices > 2 ? 2 + (torn % (choices - 2)) : KEEP;
      await this.#tryDecided(`${one} torn`, tear);
    }
    for (let i = 0; i < this.#budget.randomImages; i++) {
      await this.#try(this.#diskAfter(`random ${i}`, "random"), `random ${i}`);
    }
  }

  async #tryDecided(how: string, decide: (change: number, choices: number) => number): Promise<void> {
    await this.#try(this.#diskAfter(how, new DecidedCrash(decide)), how);
  }

  /** A new machine with the disk that a power loss leaves of this moment. */
  #diskAfter(name: string, crash: CrashPolicy | "random"): CrashWorld {
    const world = newWorld(`${this.#moment.label}/${name}`);
    world.machine.volume.restore(this.#moment.image);
    world.machine.volume.crash(crash);
    return world;
  }

  /** Recovers, checks, and now and then crashes the recovery too. */
  async #try(world: CrashWorld, how: string): Promise<void> {
    this.#counts.images++;
    const during: VolumeImage[] = [];
    const isDeep = this.#recoveriesLeft > 0 && (how === "all kept" || this.#prng.chance(0.3));
    if (isDeep) onSync(world.machine, () => during.push(world.machine.volume.capture()));
    const recovered = await this.#recover(world, how);
    if (!isDeep) return;
    this.#recoveriesLeft--;
    for (const [at, image] of sample([...during.entries()], 4, this.#prng)) {
      this.#counts.recoveryImages++;
      const label = `${how}, crash at sync point ${at} of the recovery`;
      await this.#recover(afterCrash(image, label), label);
    }
    await this.#expectToStay(world, recovered, how);
  }

  /** kill -9 at this moment. What recovery believed then was not durable before; it must be now. */
  async #kill(): Promise<void> {
    this.#counts.kills++;
    const world = newWorld(`${this.#moment.label}/kill`);
    world.machine.volume.restore(this.#moment.image);
    world.machine.kill();
    await this.#expectToStay(world, await this.#recover(world, "kill"), "kill");
  }

  /** A power loss behind a recovery takes nothing back that it has shown, nor what was promised after it. */
  async #expectToStay(world: CrashWorld, recovered: Recovered<State>, how: string): Promise<void> {
    const { progress } = this.#moment;
    await this.#expectAfterPowerLoss(world, `${how}, recovered`, (state) => {
      this.#subject.check(state, progress);
      this.#subject.checkStays(recovered.state, state);
    });
    const promised = await this.#explained(how, world.simulation.complete(recovered.goOn(), LIMIT_MS));
    await this.#expectAfterPowerLoss(world, `${how}, recovered and gone on`, (state) =>
      this.#subject.checkStays(promised, state),
    );
  }

  async #expectAfterPowerLoss(world: CrashWorld, how: string, check: (state: State) => void): Promise<void> {
    const image = world.machine.volume.capture();
    for (const unsynced of ["drop", "random", "random"] as const) {
      const label = `${how}, power lost (${unsynced})`;
      const again = afterCrash(image, `${label} ${this.#prng.uint32()}`, unsynced);
      await this.#recover(again, label, check);
    }
  }

  async #recover(
    world: CrashWorld,
    how: string,
    check = (state: State) => this.#subject.check(state, this.#moment.progress),
  ): Promise<Recovered<State>> {
    const recovered = world.simulation.complete(this.#subject.recover(world), LIMIT_MS);
    const checked = recovered.then((found) => {
      check(found.state);
      return found;
    });
    return await this.#explained(how, checked);
  }

  async #explained<T>(how: string, outcome: Promise<T>): Promise<T> {
    try {
      return await outcome;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${this.#moment.label}, ${how}: ${reason}`, { cause: error });
    }
  }
}

function afterCrash(image: VolumeImage, seed: string, unsynced: "drop" | "random" = "random"): CrashWorld {
  const world = newWorld(seed);
  world.machine.volume.restore(image);
  world.machine.volume.crash(unsynced);
  return world;
}

/** All, or so many of them, in their order. */
function sample<T>(all: readonly T[], count: number, prng: Prng): readonly T[] {
  if (all.length <= count) return all;
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(prng.below(all.length));
  return all.filter((_, index) => chosen.has(index));
}
