/** What is run of the suite. A lane is one selection; together they are every test that is not about another product's extensions. */
export interface Lane {
  readonly name: string;
  readonly files: readonly string[];
  /** Of pytest's -m. */
  readonly markers: string;
  /** Of pytest's -k; absent: all. */
  readonly names?: string;
}

/** Markers of the suite's own server: extensions (journal logging, tiers to other clouds), and a clock that runs faster. */
const NOT_PORTABLE = "not fails_on_aws and not bucket_logging and not cloud_transition and not cloud_restore";

export const LANES: readonly Lane[] = [
  {
    name: "core",
    files: ["s3tests/functional/test_s3.py"],
    markers: `${NOT_PORTABLE} and not lifecycle_expiration and not lifecycle_transition`,
  },
  {
    name: "lifecycle",
    files: ["s3tests/functional/test_s3.py"],
    markers: "lifecycle_expiration and not lifecycle_transition",
  },
  {
    // What AWS has learnt since these tests were marked: conditional writes and deletes.
    name: "conditional",
    files: ["s3tests/functional/test_s3.py"],
    markers: "fails_on_aws and not bucket_logging",
    names: "if_match or ifmatch or ifnonmatch or if_none_match or ifnonematch",
  },
  {
    name: "logging",
    files: ["s3tests/functional/test_s3.py"],
    markers: "bucket_logging and not fails_on_aws",
  },
  { name: "headers", files: ["s3tests/functional/test_headers.py"], markers: "not auth_aws2" },
  { name: "iam", files: ["s3tests/functional/test_iam.py"], markers: "not webidentity_test" },
  {
    name: "sts",
    files: ["s3tests/functional/test_sts.py"],
    markers: "not webidentity_test",
    // One that waits for a quarter of an hour: src/s3/query has it with an old token.
    names: "not creds_expiry",
  },
];
