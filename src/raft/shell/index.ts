export {
  DEFAULT_RAFT_SETTINGS,
  logGrowthBytes,
  type MemberInspection,
  type RaftBootstrap,
  type RaftEvent,
  type RaftIdentity,
  type RaftInlineStart,
  type RaftPlatform,
  type RaftSettings,
  type RaftStart,
  type StartedInlineRaft,
  type StartedRaft,
} from "./options.ts";
export { startRaftInline } from "./start.ts";
