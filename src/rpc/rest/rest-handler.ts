import { create, type Message } from "@bufbuild/protobuf";
import {
  Code,
  type ContextKey,
  type ContextValues,
  createContextKey,
  type HandlerContext,
} from "@connectrpc/connect";
import type { Timers } from "../../platform/index.ts";
import type { RestAdmission } from "../ports.ts";
import { errorAnswer, jsonAnswer, type RestAnswer, restError } from "./answers.ts";
import { CallContext } from "./call-context.ts";
import { JsonError } from "./json-error.ts";
import type { JsonForms } from "./json-form.ts";
import { formatJson, type Json, parseJson } from "./json-text.ts";
import { openApiDocument } from "./openapi.ts";
import { readBody, readLines } from "./request-body.ts";
import { type RequestLine, requestMessage } from "./request-message.ts";
import { type ImplementedService, type Route, RouteTable, takesStream } from "./route-table.ts";
import { writeMessage } from "./write-message.ts";

const NDJSON = "application/x-ndjson";
const OPENAPI_PATH = "/v1/openapi.json";
const ENCODER = new TextEncoder();

/** Set by an implementation that answers with another status than 200 over REST. Undefined: the call did not come by REST. */
export const HTTP_ANSWER: ContextKey<{ status: number } | undefined> = createContextKey<
  { status: number } | undefined
>(undefined);

export interface RestOptions {
  readonly services: readonly ImplementedService[];
  readonly forms: JsonForms;
  readonly admission: RestAdmission;
  /** Of a JSON body, and of one line of NDJSON, in bytes. */
  readonly maxBodyBytes: number;
  /** After which a call is cut, in milliseconds. */
  readonly timeoutMs: number;
  readonly timers: Timers;
  readonly shutdownSignal: AbortSignal;
}

export interface RestRequest {
  readonly verb: string;
  /** Path and query as they came, percent-encoded. */
  readonly target: string;
  readonly header: Headers;
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborts when the caller is gone before its answer. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  readonly values: ContextValues;
}

/**
 * The methods of the Connect services over plain HTTP and JSON, by the routes that the protos declare. The implementations, and so the gate, are
 * the same; a caller that has no valid key is refused before its body is read.
 */
export class RestHandler {
  readonly #options: RestOptions;
  readonly #routes: RouteTable;
  #openApi: Json | undefined;

  constructor(options: RestOptions) {
    this.#options = options;
    this.#routes = new RouteTable(options.services);
  }

  /** Undefined: there is nothing at this path. Never rejects. */
  async handle(request: RestRequest): Promise<RestAnswer | undefined> {
    const [path = "", query = ""] = request.target.split("?", 2);
    if (path === OPENAPI_PATH && request.verb === "GET") return this.#describe(request);
    const contentType = mediaType(request.header);
    const match = this.#routes.find(request.verb, path, contentType === NDJSON);
    if (match.kind === "none") return undefined;
    if (match.kind === "wrong-verb") return wrongVerb(match.allowed, request);
    const { route, variables } = match;
    const answered = { status: 200 };
    const { timeoutMs, timers, shutdownSignal } = this.#options;
    const context = new CallContext({
      route,
      path,
      header: request.header,
      values: request.values.set(HTTP_ANSWER, answered),
      caller: request.signal,
      shutdown: shutdownSignal,
      timers,
      timeoutMs,
    });
    const call: Call = { route, request, context, line: { variables, query: new URLSearchParams(query) } };
    const operation = `${route.implemented.service.name}/${route.method.name}`;
    try {
      this.#options.admission.refuseStrangers(operation, context);
      checkContentType(route, contentType);
      const answer = await this.#run(call, answered);
      if (answer.body instanceof Uint8Array) context.end();
      return answer;
    } catch (error) {
      context.end();
      const known = error instanceof JsonError ? invalid(error) : error;
      return errorAnswer(this.#options.admission.refused(operation, context, known), request.requestId);
    }
  }

  /** As with health, there is nothing in it that the sources do not say: it needs no key. */
  #describe({ requestId }: RestRequest): RestAnswer {
    const { services, forms } = this.#options;
    this.#openApi ??= openApiDocument(services, forms);
    return jsonAnswer(200, this.#openApi, { "x-request-id": requestId });
  }

  async #run(call: Call, answered: { readonly status: number }): Promise<RestAnswer> {
    const { route, context } = call;
    const implementation = route.implemented.implementation[
      route.method.localName
    ] as unknown as Implementation;
    const { method } = route;
    const { forms } = this.#options;
    const header = () => ({ ...context.responseFields(), "x-request-id": call.request.requestId });
    if (method.methodKind === "server_streaming") {
      const messages = implementation(await this.#message(call), context) as AsyncIterable<Fields>;
      const toJson = (message: Fields) => writeMessage(method.output, create(method.output, message), forms);
      return streamed(messages, { header, toJson, onEnd: () => context.end() });
    }
    const input = takesStream(route) ? this.#messages(call) : await this.#message(call);
    const output = create(method.output, (await implementation(input, context)) as Fields);
    return jsonAnswer(answered.status, writeMessage(method.output, output, forms), header());
  }

  async #message({ route, request, line }: Call): Promise<Message> {
    const { maxBodyBytes, forms } = this.#options;
    const bytes = await readBody(request.body, request.header, maxBodyBytes);
    if (bytes.length > 0 && route.body === "") throw new JsonError("", "this request has no body");
    return requestMessage(route, line, bytes.length === 0 ? undefined : parseJson(bytes), forms);
  }

  async *#messages({ route, request, line }: Call): AsyncIterable<Message> {
    const { maxBodyBytes, forms } = this.#options;
    for await (const { number, bytes } of readLines(request.body, maxBodyBytes)) {
      try {
        const json = parseJson(bytes);
        // As a field of the message it would be as good as absent: a line that says nothing is a mistake.
        if (json === null) throw new JsonError("", "a line is not null");
        yield requestMessage(route, line, json, forms);
      } catch (error) {
        throw error instanceof JsonError ? invalid(error, number) : error;
      }
    }
  }
}

interface Call {
  readonly route: Route;
  readonly request: RestRequest;
  readonly context: CallContext;
  readonly line: RequestLine;
}

type Fields = Readonly<Record<string, unknown>>;
type Implementation = (input: unknown, context: HandlerContext) => Promise<Fields> | AsyncIterable<Fields>;

interface Streaming {
  readonly header: () => Readonly<Record<string, string>>;
  readonly toJson: (message: Fields) => Json;
  readonly onEnd: () => void;
}

/** The first message decides between an error with its status and a stream. */
async function streamed(messages: AsyncIterable<Fields>, streaming: Streaming): Promise<RestAnswer> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  const header = { ...streaming.header(), "content-type": NDJSON };
  return { status: 200, header, body: lines(first, iterator, streaming) };
}

async function* lines(
  first: IteratorResult<Fields>,
  iterator: AsyncIterator<Fields>,
  { toJson, onEnd }: Streaming,
): AsyncIterable<Uint8Array> {
  let finished = first.done === true;
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) {
      yield ENCODER.encode(`${formatJson(toJson(next.value))}\n`);
    }
    finished = true;
  } finally {
    if (!finished) await iterator.return?.();
    onEnd();
  }
}

function mediaType(header: Headers): string | undefined {
  return header.get("content-type")?.split(";")[0]?.trim().toLowerCase();
}

/** Without a type a body is taken for JSON, and so is what `curl -d` calls a form: there are no forms here. */
const JSON_TYPES: readonly (string | undefined)[] = [
  undefined,
  "application/json",
  "application/x-www-form-urlencoded",
];

function checkContentType(route: Route, contentType: string | undefined): void {
  const wanted = takesStream(route) ? NDJSON : "application/json";
  if (route.body === "" || contentType === wanted) return;
  if (wanted !== NDJSON && JSON_TYPES.includes(contentType)) return;
  throw restError(Code.InvalidArgument, "UNSUPPORTED_MEDIA_TYPE", `the content type here is ${wanted}`);
}

function wrongVerb(allowed: readonly string[], { requestId }: RestRequest): RestAnswer {
  const error = restError(
    Code.Unimplemented,
    "METHOD_NOT_ALLOWED",
    `this path answers ${allowed.join(", ")}`,
  );
  error.metadata.set("allow", allowed.join(", "));
  return errorAnswer(error, requestId);
}

function invalid({ message, path }: JsonError, line?: number) {
  const at = line === undefined ? "" : `line ${line}: `;
  return restError(Code.InvalidArgument, "INVALID_ARGUMENT", `${at}${message}`, {
    ...(path !== "" && { field: path }),
    ...(line !== undefined && { line: String(line) }),
  });
}
