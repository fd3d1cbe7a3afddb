/**
 * The use cases of operators: keys, join tokens, membership, the maintenance mode, stores for index segments, the cluster's status. Without any protocol, as `object` is for those who store: the API services
 * and the command line call this.
 */
export { ClusterAdministration, type ClusterAdminOptions } from "./cluster.ts";
export { EncryptionKeyAdministration, type EncryptionKeyAdminOptions } from "./encryption-keys.ts";
export { AdminError, type AdminErrorCode, type Refusal } from "./errors.ts";
export { KeyAdministration, type KeyAdminOptions, keyRow } from "./keys.ts";
export { MaintenanceAdministration, type MaintenanceAdminOptions, maintenanceName } from "./maintenance.ts";
export { MembershipAdministration, type MembershipAdminOptions } from "./membership.ts";
export type {
  ClusterAdmin,
  ClusterDescription,
  EncryptionKeyAdmin,
  EncryptionKeyDescription,
  Held,
  KeyAdmin,
  KeyDescription,
  MaintenanceAdmin,
  MaintenanceDescription,
  MaintenanceName,
  MembershipAdmin,
  NewKey,
  NodeDescription,
  NodeStatistics,
  SearchStoreAdmin,
  SearchStoreDescription,
  SearchStorePlace,
  Statistics,
  StatisticsAdmin,
  StoredTotals,
} from "./ports.ts";
export {
  SearchStoreAdministration,
  type SearchStoreAdminOptions,
  storeSecretContext,
} from "./search-stores.ts";
export { StatisticsAdministration, type StatisticsAdminOptions } from "./statistics.ts";
