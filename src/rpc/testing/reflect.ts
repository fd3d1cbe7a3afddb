/** One question to the reflection service. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { as } from "./test-api.ts";

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

export async function reflect(transport: Transport, messageRequest: Question, key: string) {
  const client = createClient(ServerReflection, transport);
  async function* questions() {
    yield { messageRequest };
  }
  for await (const answer of client.serverReflectionInfo(questions(), as(key))) return answer.messageResponse;
  throw new Error("no answer");
}
