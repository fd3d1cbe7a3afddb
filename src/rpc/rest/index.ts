/**
 * The methods of the Connect services over plain HTTP and JSON.
 *
 * A proto says how a method is reached (`google.api.http`), `route-table.ts` reads that, `rest-handler.ts` makes a request into the method's
 * message and calls the same implementation as Connect does. `read-message.ts` and `write-message.ts` turn JSON into messages and back by the
 * descriptors; a `JsonForm` says where JSON looks otherwise than the message. Nothing here knows a service.
 *
 * - Names are the protos' (snake_case); enums are lower case without their prefix; 64-bit numbers are numbers, also as decimal strings.
 * - What a message does not know is refused with the place where it stands: `documents[3].id`.
 * - A stream of messages is NDJSON, both ways.
 * - Errors are `{"error":{"code","message","request_id","details"}}`.
 */
export { errorAnswer, type RestAnswer, restError } from "./answers.ts";
export { JsonError } from "./json-error.ts";
export type { JsonForm } from "./json-form.ts";
export { jsonForms } from "./json-form.ts";
export { floatJson, type Json } from "./json-text.ts";
export { keptForm, plainOf } from "./plain-messages.ts";
export { isObject, readMessage } from "./read-message.ts";
export { HTTP_ANSWER, RestHandler } from "./rest-handler.ts";
export type { ImplementedService } from "./route-table.ts";
export { writeMessage } from "./write-message.ts";
