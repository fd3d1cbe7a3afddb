/** What a request is to a policy. */

/** Values of condition keys. The name of a key has no case, what follows its first "/" (the key of a tag) has. */
export interface PolicyContext {
  /** Undefined: the request has no such value. */
  values(key: string): readonly string[] | undefined;
}

/** The spelling under which a key is compared and looked up. */
export function conditionKeyName(key: string): string {
  const colon = key.indexOf(":");
  const slash = key.indexOf("/");
  // In a key of a token's issuer ("accounts.example.com/realm:sub") the slash comes first.
  if (slash < 0 || slash < colon) return key.toLowerCase();
  return key.slice(0, slash).toLowerCase() + key.slice(slash);
}

/** A context over a table whose keys are spelled as `conditionKeyName` does. */
export function contextOf(table: ReadonlyMap<string, readonly string[]>): PolicyContext {
  return { values: (key) => table.get(conditionKeyName(key)) };
}
