import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { UserRecordSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { MetadataClient } from "../meta/index.ts";
import { SingleNode } from "../object/testing/single-node.ts";
import { IdentityError } from "./errors.ts";
import { type Draft, IdentityStore } from "./store.ts";

const ROW = "u/c/ann";
const user = (path: string) =>
  ({ case: "user", value: create(UserRecordSchema, { name: "ann", path }) }) as const;

let node: SingleNode;
let barriers: number;
/** A node that has not applied what others have, until it asks for a barrier. */
let behind: IdentityStore;

beforeEach(async () => {
  node = await SingleNode.create();
  barriers = 0;
  const { metadata } = node;
  const stale = { identity: () => (barriers === 0 ? undefined : metadata.view.identity(ROW)) };
  const lagging: Pick<MetadataClient, "submit" | "barrier"> & { readonly view: typeof stale } = {
    view: stale,
    submit: (body) => metadata.submit(body),
    barrier: async () => {
      barriers += 1;
    },
  };
  behind = new IdentityStore(lagging as unknown as MetadataClient);
});

function move(draft: Draft): void {
  if (draft.read(ROW) === undefined) throw new IdentityError("not-found", "there is no user");
  draft.put(ROW, user("/moved/"));
}

describe("a change on a node that is behind", () => {
  beforeEach(() => new IdentityStore(node.metadata).change((draft) => draft.put(ROW, user("/"))));

  test("is refused only on fresh rows", async () => {
    await behind.change(move);
    expect(barriers).toBe(1);
    expect(behind.record(ROW, "user")?.path).toBe("/moved/");
  });

  test("is nothing to do only on fresh rows", async () => {
    await behind.change((draft) => {
      if (draft.read(ROW) !== undefined) draft.remove(ROW);
    });
    expect(barriers).toBe(1);
    expect(behind.row(ROW)).toBeUndefined();
  });

  test("is refused after one barrier when fresh rows say the same", async () => {
    const refused = new IdentityError("conflict", "never");
    const change = behind.change(() => {
      throw refused;
    });
    await expect(change).rejects.toBe(refused);
    expect(barriers).toBe(1);
  });
});
