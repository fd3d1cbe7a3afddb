import type { FuzzTarget } from "../target.ts";
import { awsChunked } from "./aws-chunked.ts";
import { chunkMessages } from "./chunk-messages.ts";
import { configFile } from "./config-file.ts";
import { envelopes } from "./envelopes.ts";
import { identityApi } from "./identity-api.ts";
import { identityFiles } from "./identity-files.ts";
import { metaCommand } from "./meta-command.ts";
import { metaKeys } from "./meta-keys.ts";
import { policy } from "./policy.ts";
import { policyPattern } from "./policy-pattern.ts";
import { raftFrame } from "./raft-frame.ts";
import { s3Documents } from "./s3-documents.ts";
import { s3Fields } from "./s3-fields.ts";
import { s3Form } from "./s3-form.ts";
import { s3Request } from "./s3-request.ts";
import { s3Signature } from "./s3-signature.ts";
import { s3Xml } from "./s3-xml.ts";
import { searchBatch, searchCacheTable, searchDeletes } from "./search-files.ts";
import { searchSparse, searchText } from "./search-indexes.ts";
import { searchInput } from "./search-input.ts";
import { searchSegment } from "./search-segment.ts";
import { searchSealedBlob, searchStoreAnswers } from "./search-stores.ts";
import { secrets } from "./secrets.ts";
import { segmentBlocks } from "./segment-blocks.ts";
import { segmentIndex } from "./segment-index.ts";
import { segmentRecord } from "./segment-record.ts";
import { snapshotDialog } from "./snapshot-dialog.ts";
import { vectorIndex } from "./vector-index.ts";
import { walHeader } from "./wal-header.ts";
import { walRecord } from "./wal-record.ts";
import { walSegment } from "./wal-segment.ts";

/** Every decoder that reads bytes of a disk or of the network. */
export const TARGETS: readonly FuzzTarget[] = [
  walSegment,
  walRecord,
  walHeader,
  segmentRecord,
  segmentBlocks,
  segmentIndex,
  chunkMessages,
  envelopes,
  raftFrame,
  metaCommand,
  metaKeys,
  snapshotDialog,
  identityFiles,
  configFile,
  secrets,
  policy,
  policyPattern,
  s3Signature,
  s3Request,
  awsChunked,
  s3Fields,
  s3Xml,
  s3Form,
  s3Documents,
  searchSegment,
  searchInput,
  searchBatch,
  searchDeletes,
  searchCacheTable,
  searchSealedBlob,
  searchStoreAnswers,
  vectorIndex,
  searchText,
  searchSparse,
  identityApi,
];
