/** What is run of the suite. A lane is one selection; together they are every test that is not about another product's extensions. */
export interface Lane {
  readonly name: string;
  readonly files: readonly string[];
  /** Of pytest's -m. */
  readonly markers: string;
  /** Of pytest's -k; absent: all. */
  readonly names?: string;
  /** Tests of it clear away each other's users, or count what there is: one after the other, in an order that does not change. */
  readonly isSerial?: true;
  /** The suite's second user is a member of the first one's account, with this policy. Absent: it has an account of its own. */
  readonly memberPolicy?: object;
  /** After which the lane is given up. */
  readonly limitMinutes: number;
}

/** Markers of the suite's own server: extensions (journal logging, tiers to other clouds), and a clock that runs faster. */
const NOT_PORTABLE = "not fails_on_aws and not bucket_logging and not cloud_transition and not cloud_restore";

/** It counts the buckets of its user. */
const COUNTING = "test_list_buckets_paginated";

/** Policies of one user by the key of another. */
const USER_POLICIES = "user_policy and iam_tenant";

const allow = (Action: string): object => ({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action, Resource: "*" }],
});

export const LANES: readonly Lane[] = [
  {
    name: "core",
    files: ["s3tests/functional/test_s3.py"],
    markers: `${NOT_PORTABLE} and not lifecycle_expiration and not lifecycle_transition`,
    names: `not ${COUNTING}`,
    limitMinutes: 45,
  },
  {
    name: "counting",
    files: ["s3tests/functional/test_s3.py"],
    markers: NOT_PORTABLE,
    names: COUNTING,
    isSerial: true,
    limitMinutes: 5,
  },
  {
    name: "lifecycle",
    files: ["s3tests/functional/test_s3.py"],
    markers: "lifecycle_expiration and not lifecycle_transition",
    limitMinutes: 45,
  },
  {
    // What AWS has learnt since these tests were marked: conditional writes and deletes.
    name: "conditional",
    files: ["s3tests/functional/test_s3.py"],
    markers: "fails_on_aws and not bucket_logging",
    names: "if_match or ifmatch or ifnonmatch or if_none_match or ifnonematch",
    limitMinutes: 10,
  },
  {
    name: "logging",
    files: ["s3tests/functional/test_s3.py"],
    markers: "bucket_logging and not fails_on_aws",
    limitMinutes: 10,
  },
  {
    name: "headers",
    files: ["s3tests/functional/test_headers.py"],
    markers: "not auth_aws2",
    limitMinutes: 10,
  },
  {
    name: "iam",
    files: ["s3tests/functional/test_iam.py"],
    markers: `not webidentity_test and not (${USER_POLICIES})`,
    isSerial: true,
    limitMinutes: 20,
  },
  {
    // In AWS, and here, a policy can be given only to a user of one's own account.
    name: "user-policies",
    files: ["s3tests/functional/test_iam.py"],
    markers: USER_POLICIES,
    names: "not test_allow",
    isSerial: true,
    memberPolicy: allow("s3:*"),
    limitMinutes: 10,
  },
  {
    // What these allow was not allowed before; the suite's own clearing away needs the list.
    name: "user-allowances",
    files: ["s3tests/functional/test_iam.py"],
    markers: USER_POLICIES,
    names: "test_allow",
    isSerial: true,
    memberPolicy: allow("s3:ListAllMyBuckets"),
    limitMinutes: 10,
  },
  {
    name: "sts",
    files: ["s3tests/functional/test_sts.py"],
    markers: "not webidentity_test",
    // One that waits for a quarter of an hour: src/s3/query has it with an old token.
    names: "not creds_expiry",
    isSerial: true,
    limitMinutes: 10,
  },
];
