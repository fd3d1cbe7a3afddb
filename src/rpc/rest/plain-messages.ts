import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import type { JsonForm } from "./json-form.ts";
import type { Json } from "./json-text.ts";

/**
 * Messages whose JSON is what the use cases read: it is kept beside the (empty) message as it came, so that a batch of vectors is not turned into
 * messages only to be turned back. `plainOf` gives it to the service, which makes it from the fields for a message that came in binary form.
 */
const PLAIN = new WeakMap<Message, Json>();

export function plainOf(message: Message): Json | undefined {
  return PLAIN.get(message);
}

/** A form that keeps what it reads. Whoever reads it later checks it. */
export function keptForm(type: DescMessage, form: Pick<JsonForm, "toJson" | "schema">): JsonForm {
  return {
    type,
    ...form,
    fromJson: (value) => {
      const message = create(type);
      PLAIN.set(message, value);
      return message;
    },
  };
}
