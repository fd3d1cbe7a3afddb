/** Names of identity rows; docs/internals/identity.md draws them. Names of people have no case where they are looked up. */

export const accountRow = (canonicalId: string): string => `a/${canonicalId}`;
export const accountNameRow = (name: string): string => `n/${name}`;
export const emailRow = (email: string): string => `e/${email.toLowerCase()}`;
export const accountIdRow = (accountId: string): string => `d/${accountId}`;

/** Where a user is found by its unique id, whatever it is called. */
export const userIdRow = (canonicalId: string, userId: string): string => `i/${canonicalId}/${userId}`;

/** Kinds of records that belong to an account, by the letter of their rows. */
export type OwnedKind = "u" | "g" | "r" | "p" | "o";

/** All of one kind that an account has. */
export const ownedPrefix = (kind: OwnedKind, canonicalId: string): string => `${kind}/${canonicalId}/`;
export const ownedRow = (kind: OwnedKind, canonicalId: string, name: string): string =>
  ownedPrefix(kind, canonicalId) + name.toLowerCase();
