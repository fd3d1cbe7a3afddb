import type { ConnectRouter } from "@connectrpc/connect";
import type {
  ClusterAdmin,
  EncryptionKeyAdmin,
  KeyAdmin,
  MaintenanceAdmin,
  MembershipAdmin,
} from "../admin/index.ts";
import { ClusterService, KeyService, UserService } from "../gen/skerry/admin/v1/admin_pb.js";
import { EncryptionKeyService } from "../gen/skerry/admin/v1/encryption_pb.js";
import { MaintenanceService } from "../gen/skerry/admin/v1/maintenance_pb.js";
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import type { Accounts } from "../identity/index.ts";
import type { ObjectStore } from "../object/index.ts";
import { clusterService, keyService, userService } from "./admin-services.ts";
import { bucketService } from "./bucket-service.ts";
import { encryptionKeyService } from "./encryption-key-service.ts";
import { Guard, type GuardOptions } from "./guard.ts";
import { maintenanceService } from "./maintenance-service.ts";
import { objectService } from "./object-service.ts";

export interface RpcServices extends GuardOptions {
  readonly objects: ObjectStore;
  readonly keys: KeyAdmin;
  readonly encryptionKeys: EncryptionKeyAdmin;
  readonly cluster: ClusterAdmin;
  readonly accounts: Accounts;
  readonly membership: MembershipAdmin;
  readonly maintenance: MaintenanceAdmin;
  readonly region: string;
}

/** All Connect services on one router. */
export function rpcRoutes(services: RpcServices): (router: ConnectRouter) => void {
  const guard = new Guard(services);
  return (router) => {
    router.service(BucketService, bucketService(services.objects, guard, services.region));
    router.service(ObjectService, objectService(services.objects, guard));
    router.service(KeyService, keyService(services.keys, guard));
    router.service(UserService, userService(services.accounts, guard));
    router.service(EncryptionKeyService, encryptionKeyService(services.encryptionKeys, guard));
    router.service(ClusterService, clusterService(services.cluster, services.membership, guard));
    router.service(MaintenanceService, maintenanceService(services.maintenance, guard));
  };
}
