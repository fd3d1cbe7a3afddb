import { ENCRYPTION_KEYS, type SuiteNode, type SuiteUser, type Transport } from "./skerry-node.ts";

export interface SuiteConfiguration {
  readonly node: SuiteNode;
  readonly transport: Transport;
  /** How long the node's shortened day is, in seconds. */
  readonly lifecycleDaySeconds: number;
}

/** The text of s3tests.conf. Sections that the suite insists on and Skerry has no notion of (tenants) name the users again. */
export function suiteConfiguration({ node, transport, lifecycleDaySeconds }: SuiteConfiguration): string {
  const { main, alt } = node.users;
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
    "api_name = us-east-1",
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
    ...userLines(main),
    "",
    "[iam alt root]",
    ...userLines(alt),
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
