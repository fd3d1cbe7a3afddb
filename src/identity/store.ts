import { create } from "@bufbuild/protobuf";
import {
  ChangeIdentitiesSchema,
  type IdentityChange,
  IdentityChangeSchema,
  RefusalCode,
} from "../gen/skerry/meta/v1/commands_pb.js";
import { type IdentityRow, IdentityRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { type CommandBody, type MetadataClient, MetaError } from "../meta/index.ts";
import { IdentityError } from "./errors.ts";

/** How often a change begins anew because somebody else was faster. */
const MAX_ATTEMPTS = 8;
/** Rows that are read at a time. */
const PAGE_ROWS = 1000;

export type IdentityRecord = Exclude<IdentityRow["record"], { readonly case: undefined }>;
export type RecordCase = IdentityRecord["case"];
export type RecordOf<C extends RecordCase> = Extract<IdentityRecord, { readonly case: C }>["value"];

/** What one change sees and writes. */
export class Draft {
  readonly changes = new Map<string, IdentityChange>();
  readonly #row: (name: string) => IdentityRow | undefined;

  constructor(row: (name: string) => IdentityRow | undefined) {
    this.#row = row;
  }

  read(name: string): IdentityRow | undefined {
    const change = this.changes.get(name);
    return change === undefined ? this.#row(name) : change.row;
  }

  put(name: string, record: IdentityRecord): void {
    this.#change(name, create(IdentityRowSchema, { name, record }));
  }

  /** Refuses "exists". */
  add(name: string, record: IdentityRecord, what: string): void {
    if (this.read(name) !== undefined) throw new IdentityError("exists", `there is ${what} already`);
    this.put(name, record);
  }

  remove(name: string): void {
    this.#change(name, undefined);
  }

  #change(name: string, row: IdentityRow | undefined): void {
    const expectedRevision = this.#row(name)?.revision ?? 0n;
    this.changes.set(name, create(IdentityChangeSchema, { name, expectedRevision, ...(row && { row }) }));
  }
}

/** The rows of identities: read locally, changed all together or not at all. */
export class IdentityStore {
  readonly #metadata: MetadataClient;

  constructor(metadata: MetadataClient) {
    this.#metadata = metadata;
  }

  get metadata(): MetadataClient {
    return this.#metadata;
  }

  row(name: string): IdentityRow | undefined {
    return this.#metadata.view.identity(name);
  }

  record<C extends RecordCase>(name: string, kind: C): RecordOf<C> | undefined;
  record(name: string, kind: RecordCase): IdentityRecord["value"] | undefined {
    const record = this.row(name)?.record;
    return record?.case === kind ? record.value : undefined;
  }

  /** After it, rows are as fresh as everything that was acknowledged before the call. */
  async barrier(): Promise<void> {
    await translated(this.#metadata.barrier());
  }

  /** All rows whose names begin so. */
  async all(prefix: string): Promise<readonly IdentityRow[]> {
    const rows: IdentityRow[] = [];
    let after = "";
    for (;;) {
      const page = await this.#metadata.view.identities({ prefix, after, limit: PAGE_ROWS });
      rows.push(...page);
      if (page.length < PAGE_ROWS) return rows;
      after = page.at(-1)?.name ?? "";
    }
  }

  /** How many rows have names that begin so. */
  async count(prefix: string): Promise<number> {
    let count = 0;
    let after = "";
    for (;;) {
      const page = await this.#metadata.view.identities({ prefix, after, limit: PAGE_ROWS });
      count += page.length;
      if (page.length < PAGE_ROWS) return count;
      after = page.at(-1)?.name ?? "";
    }
  }

  async has(prefix: string): Promise<boolean> {
    return (await this.#metadata.view.identities({ prefix, after: "", limit: 1 })).length > 0;
  }

  /**
   * Runs `plan` on the rows as they are and commits what it drew up; when somebody was faster, again. What `plan` refuses, or that there is
   * nothing to change, is the answer only where the rows are as fresh as what was acknowledged before: this node may be behind.
   */
  async change(plan: (draft: Draft) => void): Promise<void> {
    let isFresh = false;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const draft = new Draft((name) => this.row(name));
      const refusal = refusalOf(() => plan(draft));
      const changes = [...draft.changes.values()];
      if (refusal !== undefined || changes.length === 0) {
        if (!isFresh) {
          await this.barrier();
          isFresh = true;
          continue;
        }
        if (refusal !== undefined) throw refusal;
        return;
      }
      const refused = await this.submit({
        case: "changeIdentities",
        value: create(ChangeIdentitiesSchema, { changes }),
      });
      if (refused === undefined) return;
      if (refused.code === RefusalCode.TOO_LARGE)
        throw new IdentityError("limit", "the cluster holds no more identities");
      if (refused.code !== RefusalCode.IDENTITY_CHANGED) throw new IdentityError("invalid", refused.detail);
      await this.barrier();
      isFresh = true;
    }
    throw new IdentityError("busy", "others change the same identities; try again");
  }

  /** The refusal, if it was refused. */
  async submit(
    body: CommandBody,
  ): Promise<{ readonly code: RefusalCode; readonly detail: string } | undefined> {
    const { result } = await translated(this.#metadata.submit(body));
    return result.case === "refusal" ? result.value : undefined;
  }
}

function refusalOf(plan: () => void): IdentityError | undefined {
  try {
    plan();
    return undefined;
  } catch (error) {
    if (error instanceof IdentityError) return error;
    throw error;
  }
}

async function translated<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof MetaError) throw new IdentityError(error.code, error.message, { cause: error });
    throw error;
  }
}
