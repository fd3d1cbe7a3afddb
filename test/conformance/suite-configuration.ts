import { accountIdOf } from "../../src/access/index.ts";
import { ENCRYPTION_KEYS, type SuiteNode, type SuiteUser, type Transport } from "./skerry-node.ts";

/** Where the suite has buckets made whose place it asks for. */
const BUCKET_REGION = "eu-central-1";

export interface SuiteConfiguration {
  readonly node: SuiteNode;
  /** Who is "alt" instead of the node's second user. */
  readonly member?: SuiteUser | undefined;
  readonly transport: Transport;
  /** How long the node's shortened day is, in seconds. */
  readonly lifecycleDaySeconds: number;
}

/** The text of s3tests.conf. Sections that the suite insists on and Skerry has no notion of (tenants) name the users again. */
export function suiteConfiguration(configuration: SuiteConfiguration): string {
  const { node, transport, lifecycleDaySeconds, member } = configuration;
  const { main } = node.users;
  const alt = member ?? node.users.alt;
  return [
    "[DEFAULT]",
    "host = 127.0.0.1",
    `port = ${node.port}`,
    `is_secure = ${transport === "tls" ? "True" : "False"}`,
    "ssl_verify = False",
    "",
    "[fixtures]",
    "bucket prefix = x-{random}-",
    "iam name prefix = s3-tests-",
    "iam path prefix = /s3-tests/",
    "",
    "[s3 main]",
    ...userLines(main),
    // Another than the node's own region, whose name S3 does not show.
    `api_name = ${BUCKET_REGION}`,
    `kms_keyid = ${ENCRYPTION_KEYS[0]}`,
    `kms_keyid2 = ${ENCRYPTION_KEYS[1]}`,
    `lc_debug_interval = ${lifecycleDaySeconds}`,
    "",
    "[s3 alt]",
    ...userLines(alt),
    "",
    "[s3 tenant]",
    ...userLines(alt),
    "tenant =",
    "",
    "[iam]",
    ...userLines(main),
    "",
    "[iam root]",
    ...userLines({ ...main, id: accountIdOf(main.id) }),
    "",
    "[iam alt root]",
    ...userLines(node.users.alt),
    "",
  ].join("\n");
}

function userLines(user: SuiteUser): string[] {
  return [
    `display_name = ${user.displayName}`,
    `user_id = ${user.id}`,
    `email = ${user.email}`,
    `access_key = ${user.accessKey}`,
    `secret_key = ${user.secretKey}`,
  ];
}
