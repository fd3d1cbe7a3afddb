import { createGate } from "../../../src/access/index.ts";
import { createPrng } from "../../../src/base/index.ts";
import { OWNER, SingleNode } from "../../../src/object/testing/single-node.ts";
import { PlainHasher } from "../../../src/platform/node/index.ts";
import { S3Gateway, type S3Request, s3OperationRows } from "../../../src/s3/index.ts";
import { signRequest } from "../../../src/s3/testing/sign.ts";
import { broken, type FuzzTarget, same, text, utf8 } from "../target.ts";

const CREDENTIALS = { accessKeyId: "SKFUZZ00000000000001", secretAccessKey: "fuzz/secret+key" };
const NOW_MS = Date.UTC(2026, 0, 1);
const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
const XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
const RULE_TAGS = "<Tag><Key>k</Key><Value>v</Value></Tag>";

/** What an XML body can be sent to, with a body that is accepted; those that can be read back are. */
const PLACES: readonly {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  readonly isRead: boolean;
}[] = [
  {
    method: "PUT",
    target: "/plain?tagging",
    body: `<Tagging ${NAMESPACE}><TagSet>${RULE_TAGS}</TagSet></Tagging>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain?cors",
    body: `<CORSConfiguration ${NAMESPACE}><CORSRule><ID>a</ID><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain?lifecycle",
    body: `<LifecycleConfiguration ${NAMESPACE}><Rule><ID>a</ID><Filter><And><Prefix>p</Prefix>${RULE_TAGS}<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter><Status>Enabled</Status><Expiration><Days>3</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule><Rule><Prefix/><Status>Disabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain?website",
    body: `<WebsiteConfiguration ${NAMESPACE}><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>e</Key></ErrorDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>a/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><Protocol>https</Protocol><HostName>h</HostName><ReplaceKeyPrefixWith>b/</ReplaceKeyPrefixWith><HttpRedirectCode>307</HttpRedirectCode></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain?versioning",
    body: `<VersioningConfiguration ${NAMESPACE}><Status>Suspended</Status></VersioningConfiguration>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain?encryption",
    body: `<ServerSideEncryptionConfiguration ${NAMESPACE}><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain?ownershipControls",
    body: `<OwnershipControls ${NAMESPACE}><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain?publicAccessBlock",
    body: `<PublicAccessBlockConfiguration ${NAMESPACE}><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>false</IgnorePublicAcls></PublicAccessBlockConfiguration>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain?acl",
    body: `<AccessControlPolicy ${NAMESPACE}><Owner><ID>${OWNER.id}</ID></Owner><AccessControlList><Grant><Grantee ${XSI} xsi:type="CanonicalUser"><ID>${OWNER.id}</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/locked?object-lock",
    body: `<ObjectLockConfiguration ${NAMESPACE}><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/plain/object?tagging",
    body: `<Tagging><TagSet>${RULE_TAGS}</TagSet></Tagging>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/locked/object?legal-hold",
    body: `<LegalHold ${NAMESPACE}><Status>ON</Status></LegalHold>`,
    isRead: true,
  },
  {
    method: "PUT",
    target: "/locked/object?retention",
    body: `<Retention ${NAMESPACE}><Mode>GOVERNANCE</Mode><RetainUntilDate>2027-01-01T00:00:00Z</RetainUntilDate></Retention>`,
    isRead: true,
  },
  {
    method: "POST",
    target: "/plain?delete",
    body: "<Delete><Quiet>true</Quiet><Object><Key>absent</Key><VersionId>null</VersionId></Object></Delete>",
    isRead: false,
  },
  {
    method: "POST",
    target: "/plain/object?uploadId=bm9uZQ",
    body: '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"0123456789abcdef0123456789abcdef"</ETag></Part></CompleteMultipartUpload>',
    isRead: false,
  },
  {
    method: "PUT",
    target: "/made-again",
    body: `<CreateBucketConfiguration ${NAMESPACE}><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>`,
    isRead: false,
  },
];

interface Answered {
  readonly status: number;
  readonly text: string;
}

/** A gateway without a listener, whose clock stands still and whose chance is no chance. */
class Endpoint {
  readonly #gateway: S3Gateway;
  #unexpected: unknown;

  private constructor(node: SingleNode) {
    const prng = createPrng("s3-documents");
    const principal = {
      keyId: CREDENTIALS.accessKeyId,
      role: "admin" as const,
      buckets: undefined,
      owner: OWNER,
    };
    const { objects: store } = node;
    this.#gateway = new S3Gateway({
      store,
      credentials: { lookup: () => ({ principal, secret: CREDENTIALS.secretAccessKey }) },
      authorizer: createGate(s3OperationRows, {
        bucket: (name) => store.bucketAccess(name),
        isPublicBucket: () => false,
      }),
      hasher: new PlainHasher(),
      clock: { wallMs: () => NOW_MS, monotonicMs: () => 0 },
      random: {
        bytes: (length) => Uint8Array.from({ length }, () => prng.below(256)),
        below: (limit) => prng.below(limit),
      },
      region: "us-east-1",
      hostId: "fuzz",
      hooks: { onUnexpectedError: (error) => (this.#unexpected = error) },
    });
  }

  static async open(): Promise<Endpoint> {
    const node = await SingleNode.create(() => NOW_MS);
    const endpoint = new Endpoint(node);
    await node.objects.createBucket({ bucket: "plain", region: "us-east-1", owner: OWNER });
    await node.objects.createBucket({
      bucket: "locked",
      region: "us-east-1",
      owner: OWNER,
      objectLock: true,
    });
    for (const target of ["/plain/object", "/locked/object"]) await endpoint.send("PUT", target, text("x"));
    return endpoint;
  }

  async send(method: string, target: string, body: Uint8Array): Promise<Answered> {
    const { headers } = signRequest({
      method,
      target,
      headers: { host: "s3", "content-length": String(body.length) },
      payloadHash: "UNSIGNED-PAYLOAD",
      credentials: CREDENTIALS,
      nowMs: NOW_MS,
    });
    const request: S3Request = {
      method,
      target,
      headers: new Map(Object.entries(headers)),
      body: (async function* () {
        yield body;
      })(),
      remoteAddress: "192.0.2.1",
      secure: true,
      signal: new AbortController().signal,
    };
    const { response, release } = await this.#gateway.handle(request, "fuzz");
    release();
    if (this.#unexpected !== undefined) broken("an error that no table knows", this.#unexpected);
    const answer = response.body.kind === "text" ? response.body.text : "";
    return { status: response.status, text: answer };
  }
}

let opened: Promise<Endpoint> | undefined;

/** The same document without what names the request. */
const codeOf = ({ status, text: answer }: Answered): string =>
  `${status} ${/<Code>([A-Za-z0-9.]*)<\/Code>/.exec(answer)?.[1] ?? ""}`;

/**
 * XML bodies of every operation that has one, through the whole gateway: refused by name and never with a 500; what is accepted is read back as a document
 * that is accepted, and that is then read back the same.
 */
export const s3Documents: FuzzTarget = {
  name: "s3-documents",
  dictionary: [
    ...new Set(PLACES.flatMap(({ body }) => [...body.matchAll(/<\/?[A-Za-z]+>/g)].map(([tag]) => tag))),
    "<Days>0</Days>",
    "<Date>2030-01-01T00:00:00Z</Date>",
    "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>",
    "<Years>1</Years>",
    "COMPLIANCE",
    "aws:kms",
    "OFF",
    "Enabled",
    "&#0;",
    "\uFEFF",
  ],
  // The first byte says where the body is sent.
  seeds: () => PLACES.map(({ body }, index) => Buffer.concat([Buffer.from([index]), text(body)])),
  property: async (input) => {
    opened ??= Endpoint.open();
    const endpoint = await opened;
    const place = PLACES[(input[0] ?? 0) % PLACES.length];
    if (place === undefined) return "nowhere";
    const { method, target, isRead } = place;
    const written = await endpoint.send(method, target, input.subarray(1));
    if (written.status >= 500) broken(`${target}: ${codeOf(written)}`);
    const label = `${target} ${codeOf(written)}`;
    if (!isRead || written.status >= 300) return label;
    const first = await endpoint.send("GET", target, Buffer.alloc(0));
    if (first.status !== 200) broken(`${target}: what was accepted is not read back: ${codeOf(first)}`);
    const again = await endpoint.send(method, target, text(first.text));
    if (again.status >= 300) {
      broken(
        `${target}: what was read back is refused: ${codeOf(again)}, from ${utf8(input.subarray(1)).slice(0, 200)}`,
      );
    }
    const second = await endpoint.send("GET", target, Buffer.alloc(0));
    same(second.text, first.text, `${target}: a document that was written again`);
    return label;
  },
};
