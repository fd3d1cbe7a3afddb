import type {
  ClusterAdmin,
  EncryptionKeyAdmin,
  KeyAdmin,
  MaintenanceAdmin,
  MembershipAdmin,
  SearchStoreAdmin,
  StatisticsAdmin,
} from "../admin/index.ts";
import { ClusterService, KeyService, UserService } from "../gen/skerry/admin/v1/admin_pb.js";
import { EncryptionKeyService } from "../gen/skerry/admin/v1/encryption_pb.js";
import { MaintenanceService } from "../gen/skerry/admin/v1/maintenance_pb.js";
import { MetaService } from "../gen/skerry/admin/v1/meta_pb.js";
import { SearchStoreService } from "../gen/skerry/admin/v1/search_store_pb.js";
import { DocumentService, NamespaceService, QueryService } from "../gen/skerry/search/v1/search_pb.js";
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import type { Accounts } from "../identity/index.ts";
import type { ObjectStore } from "../object/index.ts";
import type { NamespaceService as Namespaces } from "../search/index.ts";
import { clusterService, userService } from "./admin-services.ts";
import { bucketService } from "./bucket-service.ts";
import { encryptionKeyService } from "./encryption-key-service.ts";
import type { Guard, GuardOptions } from "./guard.ts";
import { keyService } from "./key-service.ts";
import { maintenanceService } from "./maintenance-service.ts";
import { metaService } from "./meta-service.ts";
import { objectService } from "./object-service.ts";
import type { ImplementedService } from "./rest/index.ts";
import { ruledService } from "./ruled-service.ts";
import { documentService } from "./search/document-service.ts";
import { namespaceService } from "./search/namespace-service.ts";
import { queryService } from "./search/query-service.ts";
import { searchStoreService } from "./search-store-service.ts";

export interface RpcServices extends GuardOptions {
  readonly objects: ObjectStore;
  readonly keys: KeyAdmin;
  readonly encryptionKeys: EncryptionKeyAdmin;
  readonly cluster: ClusterAdmin;
  readonly accounts: Accounts;
  readonly membership: MembershipAdmin;
  readonly maintenance: MaintenanceAdmin;
  readonly statistics: StatisticsAdmin;
  readonly searchStores: SearchStoreAdmin;
  readonly namespaces: Namespaces;
  readonly region: string;
}

/** All services of the API, each with what implements it. */
export function implementedServices(services: RpcServices, guard: Guard): readonly ImplementedService[] {
  const { objects, keys, accounts, encryptionKeys, cluster, membership, region } = services;
  return [
    ruledService(BucketService, bucketService(objects, guard, region)),
    ruledService(ObjectService, objectService(objects, guard)),
    ruledService(KeyService, keyService(keys, guard)),
    ruledService(UserService, userService(accounts, guard)),
    ruledService(EncryptionKeyService, encryptionKeyService(encryptionKeys, guard)),
    ruledService(ClusterService, clusterService(cluster, membership, guard)),
    ruledService(NamespaceService, namespaceService(services.namespaces, guard)),
    ruledService(DocumentService, documentService(services.namespaces, guard)),
    ruledService(QueryService, queryService(services.namespaces, guard)),
    ruledService(MaintenanceService, maintenanceService(services.maintenance, guard)),
    ruledService(SearchStoreService, searchStoreService(services.searchStores, guard)),
    ruledService(MetaService, metaService(services.statistics, guard)),
  ];
}
