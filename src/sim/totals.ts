import { COVERAGE_MARKS, type CoverageMark } from "./coverage.ts";
import type { RunReport } from "./run.ts";

/** What many runs came to together. */
export class Totals {
  runs = 0;
  failed = 0;
  undecided = 0;
  virtualMs = 0;
  events = 0;
  operations = 0;
  readonly nodes = new Map<number, number>();
  readonly faults = new Map<string, number>();
  readonly coverage = new Map<CoverageMark, number>();

  add(report: RunReport): void {
    this.runs++;
    if (report.failure !== undefined) this.failed++;
    else if (!report.isHistoryDecided) this.undecided++;
    this.virtualMs += report.virtualMs;
    this.events += report.events;
    this.operations += report.operations;
    addTo(this.nodes, report.scenario.settings.nodes, 1);
    for (const [kind, count] of report.faults) addTo(this.faults, kind, count);
    for (const [mark, count] of report.coverage) addTo(this.coverage, mark, count);
  }

  /** Marks that no run came to. */
  missing(): readonly CoverageMark[] {
    return COVERAGE_MARKS.filter((mark) => !this.coverage.has(mark));
  }

  /** For people. `elapsedMs` is the time of the machine. */
  describe(elapsedMs: number): string {
    const seconds = elapsedMs / 1000;
    const list = (counts: ReadonlyMap<string | number, number>): string =>
      [...counts]
        .sort(([, a], [, b]) => b - a)
        .map(([name, count]) => `${name} ${count}`)
        .join(", ");
    const faults = [...this.faults.values()].reduce((sum, count) => sum + count, 0);
    return [
      `seeds run      ${this.runs} (${this.failed} failed; by nodes: ${list(this.nodes)})`,
      `virtual time   ${(this.virtualMs / 3_600_000).toFixed(2)} h in ${seconds.toFixed(1)} s (${Math.round(this.virtualMs / Math.max(1, elapsedMs))} times real time)`,
      `events         ${this.events} (${Math.round(this.events / Math.max(0.001, seconds))} a second)`,
      `operations     ${this.operations} of clients; ${this.undecided} histories were judged by the oracle alone in some part`,
      `faults         ${faults}: ${list(this.faults)}`,
      `coverage       ${list(this.coverage)}`,
      `never reached  ${this.missing().join(", ") || "nothing: every mark was hit"}`,
    ].join("\n");
  }
}

function addTo<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
