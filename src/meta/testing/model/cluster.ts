/** What the model keeps of the cluster as a whole: maintenance, identities, how far a worker is. */

export interface ModelMaintenance {
  state: "off" | "entering" | "quiesced" | "exiting";
  epoch: number;
  waiting: number[];
}

export interface ModelIdentityChange {
  readonly name: string;
  readonly expected: number;
  /** Whether there is a row afterwards. */
  readonly present: boolean;
}

export class ModelCluster {
  readonly maintenance: ModelMaintenance = { state: "off", epoch: 0, waiting: [] };
  /** Revisions by name. */
  readonly identities = new Map<string, number>();
  #nextRevision = 1;
  /** Of the lifecycle's worker. */
  cursor: { readonly revision: number; readonly cursor: number } | undefined;

  setMaintenance(expectedEpoch: number, on: boolean, waiting: readonly number[]): string {
    const { maintenance } = this;
    if (expectedEpoch !== maintenance.epoch) return "MAINTENANCE_CHANGED";
    maintenance.epoch++;
    maintenance.waiting = [...waiting];
    maintenance.state = on ? "entering" : "exiting";
    this.#settleMaintenance();
    return "done";
  }

  acknowledgeMaintenance(nodeId: number, epoch: number): string {
    const { maintenance } = this;
    if (maintenance.epoch === 0 || epoch !== maintenance.epoch) return "MAINTENANCE_CHANGED";
    maintenance.waiting = maintenance.waiting.filter((waiting) => waiting !== nodeId);
    this.#settleMaintenance();
    return "done";
  }

  #settleMaintenance(): void {
    const { maintenance } = this;
    if (maintenance.waiting.length > 0) return;
    if (maintenance.state === "entering") maintenance.state = "quiesced";
    if (maintenance.state === "exiting") maintenance.state = "off";
  }

  /** All or nothing; every row that is written gets the next revision. */
  changeIdentities(changes: readonly ModelIdentityChange[]): string {
    for (const { name, expected, present } of changes) {
      if ((this.identities.get(name) ?? 0) !== expected) return "IDENTITY_CHANGED";
      if (expected === 0 && !present) return "INVALID";
    }
    for (const { name, present } of changes) {
      if (present) this.identities.set(name, this.#nextRevision++);
      else this.identities.delete(name);
    }
    return "done";
  }

  /** How far the worker is; a number stands for the cursor. */
  putCursor(expectedRevision: number, cursor: number): string {
    if ((this.cursor?.revision ?? 0) !== expectedRevision) return "CURSOR_CHANGED";
    this.cursor = { revision: expectedRevision + 1, cursor };
    return "done";
  }
}
