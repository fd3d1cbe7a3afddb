import { bucketAccesses } from "./bucket-access.ts";
import { bucketConfigurations } from "./bucket-configuration.ts";
import { bucketVersioning } from "./bucket-versioning.ts";
import { createBucket, deleteBucket, headBucket, listBuckets } from "./buckets.ts";
import { listChanges } from "./changes.ts";
import { ObjectContext, type ObjectStoreOptions } from "./context.ts";
import { copyObject } from "./copy.ts";
import { deleteObject, deleteObjects } from "./delete.ts";
import { uploadEncryption } from "./encryption/of-upload.ts";
import { getObject, headObject } from "./get.ts";
import { listObjects } from "./list.ts";
import { listParts, listUploads } from "./list-uploads.ts";
import { listVersions } from "./list-versions.ts";
import { objectParts } from "./object-parts.ts";
import type { ObjectStore } from "./ports.ts";
import { putObject } from "./put.ts";
import { renameObject } from "./rename.ts";
import { refusingUnreadable } from "./unreadable.ts";
import { abortUpload, completeUpload, createUpload, uploadPart, uploadPartCopy } from "./upload.ts";
import { versionSettings } from "./version-settings.ts";

/** The use cases over the replicated metadata and the blobs. */
export function createObjectStore(options: ObjectStoreOptions): ObjectStore {
  const context = new ObjectContext(options);
  return refusingUnreadable({
    asOfNow: () => context.asOfNow(),
    ...bucketConfigurations(context),
    ...bucketVersioning(context),
    ...versionSettings(context),
    ...bucketAccesses(context),
    listBuckets: (request) => listBuckets(context, request),
    createBucket: (request) => createBucket(context, request),
    headBucket: (bucket) => headBucket(context, bucket),
    deleteBucket: (bucket) => deleteBucket(context, bucket),
    putObject: (request) => putObject(context, request),
    getObject: (request) => getObject(context, request),
    objectParts: (request) => objectParts(context, request),
    headObject: (request) => headObject(context, request),
    deleteObject: (request) => deleteObject(context, request),
    deleteObjects: (request) => deleteObjects(context, request),
    copyObject: (request) => copyObject(context, request),
    renameObject: (request) => renameObject(context, request),
    listObjects: (request) => listObjects(context, request),
    listChanges: (request) => listChanges(context, request),
    listVersions: (request) => listVersions(context, request),
    createUpload: (request) => createUpload(context, request),
    uploadPart: (request) => uploadPart(context, request),
    uploadPartCopy: (request) => uploadPartCopy(context, request),
    completeUpload: (request) => completeUpload(context, request),
    abortUpload: (request) => abortUpload(context, request),
    uploadEncryption: (address) => uploadEncryption(context, address),
    listParts: (request) => listParts(context, request),
    listUploads: (request) => listUploads(context, request),
  });
}
