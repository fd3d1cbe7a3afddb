import type { DescEnum } from "@bufbuild/protobuf";

/** What REST calls the values of an enum: ROLE_ADMIN of the enum Role is "admin". The zero value, "unspecified", is left out of JSON. */
export function enumNames(type: DescEnum): ReadonlyMap<number, string> {
  const prefix = type.sharedPrefix ?? "";
  return new Map(
    type.values.map((value) => [
      value.number,
      (value.name.toLowerCase().startsWith(prefix)
        ? value.name.slice(prefix.length)
        : value.name
      ).toLowerCase(),
    ]),
  );
}
