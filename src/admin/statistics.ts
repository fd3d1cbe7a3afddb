import type { Metadata } from "../meta/index.ts";
import type { MaintenanceAdmin, NodeStatistics, Statistics, StatisticsAdmin, StoredTotals } from "./ports.ts";

/** Buckets that are read at once. */
const PAGE_BUCKETS = 1000;

export interface StatisticsAdminOptions {
  readonly metadata: Metadata;
  readonly nodeId: number;
  readonly maintenance: Pick<MaintenanceAdmin, "describe">;
  /** What this node has counted itself. */
  readonly node: () => Promise<NodeStatistics>;
}

/** Figures of the cluster and of the node that answers. The cost is that of reading every bucket's row once; objects are not read. */
export class StatisticsAdministration implements StatisticsAdmin {
  readonly #options: StatisticsAdminOptions;

  constructor(options: StatisticsAdminOptions) {
    this.#options = options;
  }

  async statistics(): Promise<Statistics> {
    const { metadata, nodeId, node } = this.#options;
    // Behind a barrier.
    const maintenance = await this.#options.maintenance.describe();
    const stored = await storedTotals(metadata);
    const underReplicated = metadata.view.underReplicatedTotal();
    return { nodeId, stored, maintenance, underReplicated, ...(await node()) };
  }
}

async function storedTotals({ view }: Metadata): Promise<StoredTotals> {
  const totals = { buckets: 0, objects: 0, objectBytes: 0, versions: 0, versionBytes: 0, uploads: 0 };
  let after = "";
  for (;;) {
    const page = await view.buckets({ prefix: "", after, limit: PAGE_BUCKETS });
    for (const row of page) {
      totals.buckets++;
      totals.objects += Number(row.objectCount);
      totals.objectBytes += Number(row.objectBytes);
      totals.versions += Number(row.versionCount);
      totals.versionBytes += Number(row.versionBytes);
      totals.uploads += Number(row.uploadCount);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_BUCKETS) return totals;
    after = last.name;
  }
}
