import { create } from "@bufbuild/protobuf";
import { DATA_KEY_BYTES, type Sealer } from "../../access/index.ts";
import { PutEncryptionKeySchema, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { EncryptionKeyRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { MetadataClient } from "../../meta/index.ts";
import type { Random } from "../../platform/index.ts";
import { ObjectError } from "../errors.ts";

/** What SSE-S3 wraps with. */
export const OBJECTS_KEY_ID = "skerry-s3";

/** One version of a key of the ring, in the clear. */
export interface RingKey {
  readonly keyId: string;
  readonly version: number;
  readonly secret: Uint8Array;
}

export interface KeyRingOptions {
  readonly metadata: MetadataClient;
  readonly sealer: Sealer;
  readonly random: Random;
}

/** The cluster's wrapping keys: rows of the metadata, sealed under the key-encryption key, that every node can unseal. */
export class KeyRing {
  readonly #options: KeyRingOptions;
  /** By the row that the view keeps until a command changes it: what is removed from the ring is forgotten with the row. */
  readonly #secrets = new WeakMap<EncryptionKeyRow, Map<number, Uint8Array>>();

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** The version that wraps now. The ring's own key comes into being when it is first asked for. Refuses "encryption-key-not-found". */
  async current(keyId: string): Promise<RingKey> {
    const row = this.#row(keyId) ?? (await this.#fresh(keyId)) ?? (await this.#make(keyId));
    const version = row.versions.at(-1)?.version ?? 0;
    return { keyId, version, secret: this.#secret(row, version) };
  }

  /**
   * The version that wrapped an object. Refuses "encryption-key-not-found", and "unavailable" where only the version is not there (any more): whoever read that
   * it is needed reads again, for a version goes when nothing needs it.
   */
  async version(keyId: string, version: number): Promise<RingKey> {
    const known = this.#row(keyId);
    const has = known?.versions.some((candidate) => candidate.version === version) === true;
    const row = has ? known : await this.#fresh(keyId);
    if (row === undefined) throw unknownKey(keyId);
    return { keyId, version, secret: this.#secret(row, version) };
  }

  #row(keyId: string): EncryptionKeyRow | undefined {
    return this.#options.metadata.view.encryptionKey(keyId);
  }

  async #fresh(keyId: string): Promise<EncryptionKeyRow | undefined> {
    await this.#options.metadata.barrier();
    return this.#row(keyId);
  }

  async #make(keyId: string): Promise<EncryptionKeyRow> {
    if (keyId !== OBJECTS_KEY_ID) throw unknownKey(keyId);
    const { metadata, sealer, random } = this.#options;
    const secretSealed = sealer.seal(random.bytes(DATA_KEY_BYTES), secretContext(keyId, 1));
    const { result } = await metadata.submit({
      case: "putEncryptionKey",
      value: create(PutEncryptionKeySchema, { keyId, description: "made by Skerry", secretSealed }),
    });
    const isOthers = result.case === "refusal" && result.value.code === RefusalCode.ENCRYPTION_KEY_EXISTS;
    if (result.case === "refusal" && !isOthers) throw unknownKey(keyId);
    const row = this.#row(keyId);
    if (row === undefined) throw unknownKey(keyId);
    return row;
  }

  #secret(row: EncryptionKeyRow, version: number): Uint8Array {
    const secrets = this.#secrets.get(row) ?? new Map<number, Uint8Array>();
    this.#secrets.set(row, secrets);
    const known = secrets.get(version);
    if (known !== undefined) return known;
    const found = row.versions.find((candidate) => candidate.version === version);
    if (found === undefined) {
      throw new ObjectError("unavailable", "the object's data key was wrapped anew meanwhile; try again");
    }
    const secret = this.#options.sealer.open(found.secretSealed, secretContext(row.keyId, version));
    secrets.set(version, secret);
    return secret;
  }
}

/** What a version's secret is sealed to. */
export function secretContext(keyId: string, version: number): string {
  return `encryption-key/${keyId}/${version}`;
}

function unknownKey(keyId: string): ObjectError {
  return new ObjectError("encryption-key-not-found", "there is no encryption key of this id", {
    details: { KeyId: keyId },
  });
}
