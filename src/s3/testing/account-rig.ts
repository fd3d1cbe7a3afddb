import { ListBucketsCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect } from "vitest";
import { accountIdOf } from "../../access/index.ts";
import { clientOf, failureOf } from "./feature-client.ts";
import { ask, type Caller, element, outcomeOf } from "./query-client.ts";
import type { RawResponse } from "./raw-http.ts";
import { ALICE, ALICE_OWNER, BOB_OWNER, type Rig, startRig } from "./rig.ts";

/** Of Alice, and of Bob. */
export const ACCOUNT = accountIdOf(ALICE_OWNER.id);
export const OTHER_ACCOUNT = accountIdOf(BOB_OWNER.id);

export type Parameters = Readonly<Record<string, string>>;

export const allow = (Action: string | readonly string[], more: object = {}): string =>
  JSON.stringify({ Statement: [{ Effect: "Allow", Action, Resource: "*", ...more }] });
export const trust = (AWS: string, more: object = {}): string =>
  JSON.stringify({ Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS }, ...more }] });

export function keyIn(answer: RawResponse): Caller {
  const sessionToken = element(answer, "SessionToken");
  return {
    accessKeyId: element(answer, "AccessKeyId") ?? "",
    secretAccessKey: element(answer, "SecretAccessKey") ?? "",
    ...(sessionToken !== undefined && { sessionToken }),
  };
}

/** A gateway, and what Alice asks of her account. */
export class AccountRig {
  #rig: Rig | undefined;
  readonly #clients: S3Client[] = [];

  /** For the file that calls it: one for all of its tests, which must have met nothing unexpected after them. */
  static forAllTests(): AccountRig {
    const account = new AccountRig();
    beforeAll(async () => {
      account.#rig = await startRig();
    });
    afterAll(async () => {
      for (const client of account.#clients) client.destroy();
      await account.rig.close();
      expect(account.rig.unexpected).toEqual([]);
    });
    return account;
  }

  get rig(): Rig {
    if (this.#rig === undefined) throw new Error("outside of a test");
    return this.#rig;
  }

  readonly alice = (action: string, parameters: Parameters = {}): Promise<RawResponse> =>
    ask(this.rig, { caller: ALICE, action, parameters });

  readonly outcome = async (
    action: string,
    parameters: Parameters = {},
    caller: Caller = ALICE,
  ): Promise<string> => outcomeOf(await ask(this.rig, { caller, action, parameters }));

  readonly s3 = (credentials: Caller): S3Client => {
    const client = clientOf(this.rig, credentials);
    this.#clients.push(client);
    return client;
  };

  readonly userWithKey = async (UserName: string): Promise<Caller> => {
    expect(await this.outcome("CreateUser", { UserName })).toBe("ok");
    return keyIn(await this.alice("CreateAccessKey", { UserName }));
  };

  /** What comes of listing buckets. */
  readonly listing = async (caller: Caller): Promise<string> =>
    (await failureOf(this.s3(caller).send(new ListBucketsCommand({})))).name;
}
