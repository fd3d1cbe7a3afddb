/**
 * The platform on virtual time: a whole cluster in one thread, its history drawn from one seed.
 *
 * - `Simulation`: the heap of events and its time. `SimMachine`: a clock and a disk that stay, and processes that come and go on them.
 * - `SimProcess`: one run of a program. Whatever reaches the program (timers, answers of the disk, messages) goes through `schedule`, so that
 *   nothing reaches it after a crash or during a pause.
 * - `SimVolume`: what lies on a disk, durably or not, and its faults. `SimDisk` and `SimStores` are a process's view of it.
 * - `SimNetworkWorld`: the network between the machines, and its faults.
 *
 * Invariants: nothing here reads the real clock or real entropy, or waits for real I/O; every draw comes from a fork of the simulation's PRNG
 * that belongs to one part of it.
 */

export type { CrashPolicy, Fate, Tear } from "./crash-policy.ts";
export type { DiskOperation, SimDiskFaults } from "./disk-faults.ts";
export { type SimBoot, SimMachine } from "./machine.ts";
export {
  type LinkProfile,
  type SimNetworkLimits,
  type SimNetworkMember,
  SimNetworkWorld,
} from "./network.ts";
export { SimProcess } from "./process.ts";
export { Simulation } from "./simulation.ts";
export type { VolumeImage } from "./volume.ts";
