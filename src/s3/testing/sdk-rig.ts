import {
  CreateBucketCommand,
  type GetObjectCommandOutput,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect } from "vitest";
import { clientOf } from "./feature-client.ts";
import { type Rig, startRig, WRITER } from "./rig.ts";

/** A gateway with the bucket "docs", and the AWS SDK as its writer. */
export class SdkRig {
  #rig: Rig | undefined;
  #s3: S3Client | undefined;

  /** For the file that calls it: one for all of its tests, which must have met nothing unexpected after them. */
  static forAllTests(): SdkRig {
    const sdk = new SdkRig();
    beforeAll(async () => {
      sdk.#rig = await startRig();
      sdk.#s3 = sdk.clientOf(WRITER);
      await sdk.s3.send(new CreateBucketCommand({ Bucket: "docs" }));
    });
    afterAll(async () => {
      sdk.s3.destroy();
      await sdk.rig.close();
      expect(sdk.rig.unexpected).toEqual([]);
    });
    return sdk;
  }

  get rig(): Rig {
    if (this.#rig === undefined) throw new Error("outside of a test");
    return this.#rig;
  }

  get s3(): S3Client {
    if (this.#s3 === undefined) throw new Error("outside of a test");
    return this.#s3;
  }

  readonly clientOf = (credentials: typeof WRITER): S3Client => clientOf(this.rig, credentials);

  readonly put = async (key: string, body: string, bucket = "docs"): Promise<void> => {
    await this.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  };
}

export async function textOf(output: GetObjectCommandOutput): Promise<string> {
  return (await output.Body?.transformToString()) ?? "";
}
