import { create } from "@bufbuild/protobuf";
import { DATA_KEY_BYTES, type Sealer } from "../access/index.ts";
import { toHex } from "../base/index.ts";
import {
  PutEncryptionKeySchema,
  RemoveEncryptionKeyVersionSchema,
  RotateEncryptionKeySchema,
} from "../gen/skerry/meta/v1/commands_pb.js";
import type { EncryptionKeyRow, EncryptionUseRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { type CommandBody, type Metadata, MetaError } from "../meta/index.ts";
import { secretContext } from "../object/index.ts";
import type { Random } from "../platform/index.ts";
import { AdminError } from "./errors.ts";
import { refuse } from "./keys.ts";
import type { EncryptionKeyAdmin, EncryptionKeyDescription } from "./ports.ts";

/** Ids are shown in headers and XML, and may be part of an ARN. */
const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const DRAWN_ID_BYTES = 16;
/** Greatest length of a key's description, in characters. */
const MAX_DESCRIPTION_CHARACTERS = 255;

export interface EncryptionKeyAdminOptions {
  readonly metadata: Metadata;
  readonly sealer: Sealer;
  readonly random: Random;
}

/** Making, listing and rotating the keys that wrap objects' data keys. Nothing here ever shows a secret. */
export class EncryptionKeyAdministration implements EncryptionKeyAdmin {
  readonly #options: EncryptionKeyAdminOptions;

  constructor(options: EncryptionKeyAdminOptions) {
    this.#options = options;
  }

  async create(request: {
    readonly keyId: string;
    readonly description: string;
  }): Promise<EncryptionKeyDescription> {
    const keyId = request.keyId || toHex(this.#options.random.bytes(DRAWN_ID_BYTES));
    if (!KEY_ID.test(keyId)) {
      throw new AdminError(
        "invalid",
        "the id of an encryption key has 1 to 128 letters, digits, dots, underscores and hyphens, and begins with a letter or digit",
      );
    }
    if (request.description.length > MAX_DESCRIPTION_CHARACTERS) {
      throw new AdminError("invalid", `a description has at most ${MAX_DESCRIPTION_CHARACTERS} characters`);
    }
    const { description } = request;
    const secretSealed = this.#newSecret(keyId, 1);
    await this.#submit({
      case: "putEncryptionKey",
      value: create(PutEncryptionKeySchema, { keyId, description, secretSealed }),
    });
    return this.#described(keyId);
  }

  async list(): Promise<readonly EncryptionKeyDescription[]> {
    const { metadata } = this.#options;
    await this.#translated(metadata.barrier());
    const { view } = metadata;
    return await this.#translated(
      view
        .encryptionKeys()
        .then((rows) =>
          Promise.all(rows.map(async (row) => describe(row, await view.encryptionUses(row.keyId)))),
        ),
    );
  }

  async rotate(keyId: string): Promise<EncryptionKeyDescription> {
    const { metadata } = this.#options;
    await this.#translated(metadata.barrier());
    const expectedVersion = metadata.view.encryptionKey(keyId)?.versions.at(-1)?.version ?? 0;
    const secretSealed = this.#newSecret(keyId, expectedVersion + 1);
    await this.#submit({
      case: "rotateEncryptionKey",
      value: create(RotateEncryptionKeySchema, { keyId, expectedVersion, secretSealed }),
    });
    return this.#described(keyId);
  }

  async removeVersion(keyId: string, version: number): Promise<EncryptionKeyDescription> {
    const value = create(RemoveEncryptionKeyVersionSchema, { keyId, version });
    await this.#submit({ case: "removeEncryptionKeyVersion", value });
    return this.#described(keyId);
  }

  #newSecret(keyId: string, version: number): Uint8Array {
    const { sealer, random } = this.#options;
    return sealer.seal(random.bytes(DATA_KEY_BYTES), secretContext(keyId, version));
  }

  async #described(keyId: string): Promise<EncryptionKeyDescription> {
    const { view } = this.#options.metadata;
    const row = view.encryptionKey(keyId);
    if (row === undefined) throw new AdminError("not-found", "there is no encryption key of this id");
    return describe(row, await this.#translated(view.encryptionUses(keyId)));
  }

  async #submit(body: CommandBody): Promise<void> {
    refuse(await this.#translated(this.#options.metadata.submit(body)));
  }

  async #translated<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (error instanceof MetaError) throw new AdminError(error.code, error.message, { cause: error });
      throw error;
    }
  }
}

function describe(row: EncryptionKeyRow, uses: readonly EncryptionUseRow[]): EncryptionKeyDescription {
  const usesOf = (version: number) => uses.find((candidate) => candidate.version === version)?.uses;
  const last = row.versions.at(-1);
  return {
    keyId: row.keyId,
    description: row.description,
    createdAtMs: Number(row.createdAtMs),
    version: last?.version ?? 0,
    rotatedAtMs: Number(last?.createdAtMs ?? row.createdAtMs),
    versions: row.versions.map(({ version, createdAtMs }) => {
      const counted = usesOf(version);
      return {
        version,
        createdAtMs: Number(createdAtMs),
        uses: counted === undefined ? undefined : Number(counted),
      };
    }),
  };
}
