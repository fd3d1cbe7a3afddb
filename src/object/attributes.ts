import { create } from "@bufbuild/protobuf";
import {
  type ObjectAttributes as AttributesRow,
  type Header,
  HeaderSchema,
  ObjectAttributesSchema,
  type ObjectEncryption,
  type ObjectRow,
  TagSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectSummary } from "../meta/index.ts";
import { type ChecksumType, checksumFromRows, checksumRows } from "./checksums.ts";
import { encryptionInfo } from "./encryption/object-keys.ts";
import { ObjectError } from "./errors.ts";
import { isHeaderName, isHeaderText } from "./header-text.ts";
import type { Checksum, ListedObject, ObjectAttributes, ObjectInfo } from "./ports.ts";
import { LEGAL_HOLDS, legalHoldFromRow, RETENTION_MODES, retentionModeFromRow } from "./retention.ts";
import { checkTags, MAX_OBJECT_TAGS, type Tag } from "./tags.ts";

/** Of an object for which nobody names another. */
export const DEFAULT_STORAGE_CLASS = "STANDARD";
/** Greatest size of names and values of user metadata together, in bytes of UTF-8. */
export const MAX_USER_METADATA_BYTES = 2048;

const encoder = new TextEncoder();
/** To be spread: see BLANK_COMMIT in put.ts. */
const BLANK_ATTRIBUTES: AttributesRow = { ...create(ObjectAttributesSchema) };

/** Kept among the headers of an object: where its website sends whoever asks for it. */
export const WEBSITE_REDIRECT_HEADER = "x-amz-website-redirect-location";

/** The attributes of a copy: the redirect of the source is never the copy's, which has the one that was asked for or none. */
export function withWebsiteRedirect(
  attributes: ObjectAttributes,
  location: string | undefined,
): ObjectAttributes {
  if (location === undefined && !attributes.headers.has(WEBSITE_REDIRECT_HEADER)) return attributes;
  const headers = new Map(attributes.headers);
  if (location === undefined) headers.delete(WEBSITE_REDIRECT_HEADER);
  else headers.set(WEBSITE_REDIRECT_HEADER, location);
  return { ...attributes, headers };
}

/** Refuses "metadata-too-large", "metadata-invalid", "tags-invalid" and "too-many-tags". */
export function checkAttributes(attributes: ObjectAttributes): void {
  if (attributes.tags !== undefined) checkTags(attributes.tags, MAX_OBJECT_TAGS);
  checkMetadataSize(attributes);
  // Parameters of URLs, fields of forms and other protocols can carry what no header can: it could be stored and never be read.
  for (const [name, value] of attributes.userMetadata) {
    if (!isHeaderName(name)) {
      const message =
        "The name of user metadata must be a name of a header: letters and digits of ASCII and !#$%&'*+-.^_`|~";
      throw metadataInvalid(message, `x-amz-meta-${name}`, value);
    }
  }
  for (const [name, value] of [["content-type", attributes.contentType] as const, ...attributes.headers]) {
    if (!isHeaderText(value)) throw metadataInvalid("A header holds no control characters", name, value);
  }
}

function metadataInvalid(message: string, ArgumentName: string, ArgumentValue: string): ObjectError {
  return new ObjectError("metadata-invalid", message, { details: { ArgumentName, ArgumentValue } });
}

function checkMetadataSize(attributes: ObjectAttributes): void {
  let sizeBytes = 0;
  for (const [name, value] of attributes.userMetadata) {
    sizeBytes += encoder.encode(name).length + encoder.encode(value).length;
  }
  if (sizeBytes > MAX_USER_METADATA_BYTES) {
    throw new ObjectError(
      "metadata-too-large",
      `user metadata has at most ${MAX_USER_METADATA_BYTES} bytes`,
      {
        details: { Size: String(sizeBytes), MaxSizeAllowed: String(MAX_USER_METADATA_BYTES) },
      },
    );
  }
}

export function attributesToRow(
  attributes: ObjectAttributes,
  checksum: Checksum | undefined,
  checksumType: ChecksumType | undefined,
  encryption: ObjectEncryption | undefined,
): AttributesRow {
  return {
    ...BLANK_ATTRIBUTES,
    contentType: attributes.contentType,
    headers: headerRows(attributes.headers),
    userMetadata: headerRows(attributes.userMetadata),
    storageClass: attributes.storageClass,
    ...(attributes.tags && { tags: attributes.tags.map(tagRow) }),
    ...lockRow(attributes),
    checksums: checksumRows(checksum),
    checksumType: checksumType ?? "",
    ...(encryption !== undefined && { encryption }),
    ...(attributes.acl && { acl: attributes.acl }),
  };
}

export function tagRow({ key, value }: Tag) {
  return create(TagSchema, { key, value });
}

/** Retention and legal hold, to be spread into a row. */
export function lockRow({ retention, legalHold }: Pick<ObjectAttributes, "retention" | "legalHold">) {
  return {
    ...(retention && {
      retentionMode: RETENTION_MODES[retention.mode],
      retainUntilMs: BigInt(retention.untilMs),
    }),
    ...(legalHold && { legalHold: LEGAL_HOLDS[legalHold] }),
  };
}

function headerRows(headers: ReadonlyMap<string, string>) {
  return [...headers].map(([name, value]) => create(HeaderSchema, { name, value }));
}

const NO_HEADERS: ReadonlyMap<string, string> = new Map();

function headersFromRows(rows: readonly Header[] = []): ReadonlyMap<string, string> {
  return rows.length === 0 ? NO_HEADERS : new Map(rows.map(({ name, value }) => [name, value]));
}

export function attributesFromRow(row: AttributesRow | undefined): ObjectAttributes {
  return {
    contentType: row?.contentType ?? "",
    headers: headersFromRows(row?.headers),
    userMetadata: headersFromRows(row?.userMetadata),
    storageClass: row?.storageClass || DEFAULT_STORAGE_CLASS,
    ...(row !== undefined && row.tags.length > 0 && { tags: row.tags }),
    ...(row !== undefined && lockFromRow(row)),
    ...(row !== undefined && row.acl.length > 0 && { acl: row.acl }),
  };
}

function lockFromRow(row: AttributesRow): Pick<ObjectAttributes, "retention" | "legalHold"> {
  const mode = retentionModeFromRow(row.retentionMode);
  const legalHold = legalHoldFromRow(row.legalHold);
  return {
    ...(mode && { retention: { mode, untilMs: Number(row.retainUntilMs) } }),
    ...(legalHold && { legalHold }),
  };
}

export function checksumTypeFromRow(
  row: Pick<AttributesRow, "checksumType"> | undefined,
): ChecksumType | undefined {
  const type = row?.checksumType;
  return type === "COMPOSITE" || type === "FULL_OBJECT" ? type : undefined;
}

export function infoFromRow(row: ObjectRow, versionId: string | undefined): ObjectInfo {
  return {
    key: row.key,
    versionId,
    size: Number(row.size),
    etag: row.etag,
    modifiedAtMs: Number(row.modifiedAtMs),
    attributes: attributesFromRow(row.attributes),
    checksum: checksumFromRows(row.attributes?.checksums ?? []),
    checksumType: checksumTypeFromRow(row.attributes),
    owner: { id: row.ownerId, displayName: row.ownerDisplayName },
    encryption: encryptionInfo(row.attributes?.encryption),
    partsCount: row.parts.length === 0 ? undefined : row.parts.length,
  };
}

export function listedFromRow(row: ObjectSummary): ListedObject {
  return {
    key: row.key,
    size: Number(row.size),
    etag: row.etag,
    modifiedAtMs: Number(row.modifiedAtMs),
    storageClass: row.attributes?.storageClass || DEFAULT_STORAGE_CLASS,
    owner: { id: row.ownerId, displayName: row.ownerDisplayName },
    checksumAlgorithm: checksumFromRows(row.attributes?.checksums ?? [])?.algorithm,
    checksumType: checksumTypeFromRow(row.attributes),
  };
}
