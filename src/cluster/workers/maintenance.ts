import { create } from "@bufbuild/protobuf";
import { AcknowledgeMaintenanceSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { MaintenanceState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ClusterMetadata, ClusterWorker, NodeIdentity } from "../ports.ts";
import { submitTimeoutMs } from "./submit.ts";

export interface MaintenanceWorkerOptions {
  readonly identity: Pick<NodeIdentity, "nodeId">;
  readonly metadata: ClusterMetadata;
  /** Writes of clients that this node has begun and not ended. None begins once its metadata has the mode. */
  readonly writesUnderWay: () => number;
}

/** Says that this node follows a change of the maintenance mode: on entering, once none of its writes is under way. */
export function maintenanceWorker(options: MaintenanceWorkerOptions): ClusterWorker {
  const { identity, metadata, writesUnderWay } = options;
  const nodeId = BigInt(identity.nodeId);
  return {
    name: "maintenance",
    idleMs: 1_000,
    runUnit: async (signal) => {
      const row = metadata.view.maintenance();
      if (row === undefined || !row.waitingNodeIds.includes(nodeId)) return "idle";
      if (row.state === MaintenanceState.ENTERING && writesUnderWay() > 0) return "idle";
      const value = create(AcknowledgeMaintenanceSchema, { nodeId, epoch: row.epoch });
      await metadata.submit(
        { case: "acknowledgeMaintenance", value },
        { timeoutMs: submitTimeoutMs, signal },
      );
      // Refused: the mode was changed meanwhile. It is looked at again either way.
      return "idle";
    },
  };
}
