/** Managed policies that AWS gives to everybody and that Skerry has a meaning for. They cannot be changed. */

export interface GivenPolicy {
  readonly name: string;
  readonly policyId: string;
  readonly description: string;
  readonly document: string;
}

/** What an attachment to one of them is called; the others are called by their rows. */
const PREFIX = "aws/";

const allow = (...actions: readonly string[]): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }],
  });

export const GIVEN_POLICIES: readonly GivenPolicy[] = [
  {
    name: "AdministratorAccess",
    policyId: "ANPAAAAAAAAAAAAAAAAA1",
    description: "Everything",
    document: allow("*"),
  },
  {
    name: "AmazonS3FullAccess",
    policyId: "ANPAAAAAAAAAAAAAAAAA2",
    description: "Everything in S3",
    document: allow("s3:*"),
  },
  {
    name: "AmazonS3ReadOnlyAccess",
    policyId: "ANPAAAAAAAAAAAAAAAAA3",
    description: "Reading in S3",
    document: allow("s3:Get*", "s3:List*", "s3:Describe*"),
  },
  {
    name: "IAMFullAccess",
    policyId: "ANPAAAAAAAAAAAAAAAAA4",
    description: "Everything in IAM",
    document: allow("iam:*"),
  },
  {
    name: "IAMReadOnlyAccess",
    policyId: "ANPAAAAAAAAAAAAAAAAA5",
    description: "Reading in IAM",
    document: allow("iam:Get*", "iam:List*"),
  },
];

export function givenPolicy(attachment: string): GivenPolicy | undefined {
  if (!attachment.startsWith(PREFIX)) return undefined;
  const name = attachment.slice(PREFIX.length);
  return GIVEN_POLICIES.find((policy) => policy.name === name);
}

export function givenPolicyArn({ name }: GivenPolicy): string {
  return `arn:aws:iam::aws:policy/${name}`;
}

export function attachmentOf({ name }: GivenPolicy): string {
  return PREFIX + name;
}
