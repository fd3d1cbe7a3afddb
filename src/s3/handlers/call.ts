import type { ObjectStore } from "../../object/index.ts";
import type { Hasher } from "../../platform/index.ts";
import type { Authenticated } from "../auth/authenticate.ts";
import type { Authorization } from "../authorize/authorizations.ts";
import type { Admit } from "../authorize/request-gate.ts";
import type { RequiredDigest } from "../body/required-digest.ts";
import type { RequestHeaders, S3Request, S3Response } from "../http.ts";
import type { S3Operation } from "../operation.ts";
import type { SupportedName } from "../operations.ts";
import type { OwnerDirectory } from "../ports.ts";

/** What the handlers share. */
export interface HandlerContext {
  readonly store: ObjectStore;
  readonly hasher: Hasher;
  readonly owners: OwnerDirectory;
  /** The region that this endpoint says it is in. */
  readonly region: string;
  /** Whether customers' keys are taken from clients that do not use TLS. */
  readonly customerKeysOverHttp: boolean;
  readonly requiredDigest: RequiredDigest;
  /** Names of the destinations of notifications that the operator has declared. */
  readonly notificationDestinations: ReadonlySet<string>;
  /** Whether CreateBucket may name any other. */
  readonly anyRegion: boolean;
}

/** One request that has passed the gate. */
export interface Call extends HandlerContext {
  readonly request: S3Request;
  /** With those that came as parameters of a presigned URL. */
  readonly headers: RequestHeaders;
  readonly authenticated: Authenticated;
  /** To be called with what a read has found, before anything of it is shown; undefined: nothing depends on it. */
  readonly admit: Admit | undefined;
  /** The whole body, verified, where the request was judged by it; undefined: it has not been read. */
  readonly judgedBody: Uint8Array | undefined;
  /** Whether the caller may also do this, for requests that name many things. */
  readonly allows: (authorization: Authorization) => boolean | Promise<boolean>;
}

export type Handlers<N extends SupportedName = SupportedName> = {
  readonly [Name in N]: (operation: Extract<S3Operation, { name: Name }>, call: Call) => Promise<S3Response>;
};
