import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { ServerReflection, ServerReflectionRequest } from "../gen/grpc/reflection/v1/reflection_pb.js";
import type { Guard } from "./guard.ts";
import { HELD_BYTES } from "./message-memory.ts";

/**
 * Lets grpcurl and its like ask which services there are and of what messages they are made. Any valid key may.
 * Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function reflectionService(
  services: readonly DescService[],
  guard: Guard,
): ServiceImpl<typeof ServerReflection> {
  const index = new DescriptorIndex(services);
  return {
    serverReflectionInfo: (requests, context) =>
      guard.stream("ServerReflection/ServerReflectionInfo", context, [], async function* () {
        for await (const request of requests) {
          yield {
            validHost: request.host,
            originalRequest: { host: request.host, messageRequest: request.messageRequest },
            messageResponse: index.answer(request),
          };
          context.values.get(HELD_BYTES)?.passOn();
        }
      }),
  };
}

class DescriptorIndex {
  readonly #services: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #fileOfSymbol = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    this.#services = services.map(({ typeName }) => typeName).sort();
    for (const { file } of services) this.#addFile(file);
  }

  answer({ messageRequest }: ServerReflectionRequest) {
    switch (messageRequest.case) {
      case "listServices":
        return {
          case: "listServicesResponse" as const,
          value: { service: this.#services.map((name) => ({ name })) },
        };
      case "fileByFilename":
        return fileAnswer(this.#files.get(messageRequest.value));
      case "fileContainingSymbol":
        return fileAnswer(this.#fileOfSymbol.get(messageRequest.value));
      default:
        return errorAnswer(Code.NotFound, "not found");
    }
  }

  #addFile(file: DescFile): void {
    const name = file.proto.name;
    if (this.#files.has(name)) return;
    this.#files.set(name, file);
    for (const type of [...file.messages, ...file.enums]) this.#fileOfSymbol.set(type.typeName, file);
    for (const service of file.services) {
      this.#fileOfSymbol.set(service.typeName, file);
      for (const method of service.methods)
        this.#fileOfSymbol.set(`${service.typeName}.${method.name}`, file);
    }
    for (const dependency of file.dependencies) this.#addFile(dependency);
  }
}

function fileAnswer(file: DescFile | undefined) {
  if (file === undefined) return errorAnswer(Code.NotFound, "not found");
  // A caller asks for the dependencies that it does not know by name.
  return {
    case: "fileDescriptorResponse" as const,
    value: { fileDescriptorProto: [toBinary(FileDescriptorProtoSchema, file.proto)] },
  };
}

function errorAnswer(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse" as const, value: { errorCode, errorMessage } };
}
