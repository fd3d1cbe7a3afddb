import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ConfChangeSchema,
  ConfChangeSingleSchema,
  ConfChangeTransition as WireTransition,
  ConfChangeType as WireType,
} from "../../gen/skerry/raft/v1/raft_pb.js";
import type { ConfChange, ConfChangeSingle, ConfChangeTransition, ConfChangeType } from "../types.ts";

const TYPES: Readonly<Record<ConfChangeType, WireType>> = {
  AddNode: WireType.ADD_NODE,
  RemoveNode: WireType.REMOVE_NODE,
  UpdateNode: WireType.UPDATE_NODE,
  AddLearnerNode: WireType.ADD_LEARNER_NODE,
};
const TRANSITIONS: Readonly<Record<ConfChangeTransition, WireTransition>> = {
  Auto: WireTransition.AUTO,
  JointImplicit: WireTransition.JOINT_IMPLICIT,
  JointExplicit: WireTransition.JOINT_EXPLICIT,
};

/** skerry.raft.v1.ConfChange: the data of an entry that changes the configuration. */
export const confChangeCodec = {
  encode(change: ConfChange): Uint8Array {
    return toBinary(
      ConfChangeSchema,
      create(ConfChangeSchema, {
        transition: TRANSITIONS[change.transition],
        changes: change.changes.map(({ type, nodeId }) =>
          create(ConfChangeSingleSchema, { type: TYPES[type], nodeId: BigInt(nodeId) }),
        ),
        context: change.context ?? new Uint8Array(0),
      }),
    );
  },

  /** Undefined: these bytes are no configuration change that this version knows. */
  decode(data: Uint8Array): ConfChange | undefined {
    try {
      const wire = fromBinary(ConfChangeSchema, data);
      const transition = keyOf(TRANSITIONS, wire.transition);
      if (transition === undefined) return undefined;
      const changes: ConfChangeSingle[] = [];
      for (const single of wire.changes) {
        const type = keyOf(TYPES, single.type);
        const nodeId = Number(single.nodeId);
        if (type === undefined || nodeId < 1 || !Number.isSafeInteger(nodeId)) return undefined;
        changes.push({ type, nodeId });
      }
      return { transition, changes, context: wire.context.length === 0 ? undefined : wire.context };
    } catch {
      return undefined;
    }
  },
};

function keyOf<K extends string, V>(table: Readonly<Record<K, V>>, value: V): K | undefined {
  return (Object.keys(table) as K[]).find((key) => table[key] === value);
}
