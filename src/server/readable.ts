import { MetaError } from "../meta/index.ts";
import { ObjectError } from "../object/index.ts";

/** Runs `read`, which looks at the metadata of this node; when they cannot be read, the caller is refused and may try another node. */
export function refusedWhenUnreadable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MetaError) throw new ObjectError(error.code, error.message, { cause: error });
    throw error;
  }
}
