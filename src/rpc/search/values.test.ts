import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { type Value, ValueSchema } from "../../gen/skerry/search/v1/search_pb.js";
import type { AttributeType } from "../../search/index.ts";
import { valueMessage } from "./values.ts";

test.each<[number | bigint, AttributeType, Value["kind"]]>([
  [7, "int", { case: "intValue", value: 7n }],
  [2n ** 63n - 1n, "int", { case: "intValue", value: 2n ** 63n - 1n }],
  [-(2n ** 63n), "int", { case: "intValue", value: -(2n ** 63n) }],
  [3n * 2n ** 62n, "int", { case: "floatValue", value: 3 * 2 ** 62 }],
  [-(2n ** 63n) - 1n, "int", { case: "floatValue", value: -(2 ** 63) }],
  [7, "float", { case: "floatValue", value: 7 }],
])("%s as %s can be sent", (value, type, kind) => {
  const sent = toBinary(ValueSchema, valueMessage(value, type));
  expect(fromBinary(ValueSchema, sent).kind).toEqual(kind);
});
