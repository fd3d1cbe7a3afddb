import type { ObjectStore } from "../../object/index.ts";

/** The use cases as the surfaces call them: behind a barrier that is passed when the request begins. */
export function asServed(objects: ObjectStore): ObjectStore {
  const methods = Object.entries(objects).map(([name, method]) => [
    name,
    async (...parameters: readonly unknown[]): Promise<unknown> => {
      await objects.asOfNow();
      return await (method as (...parameters: readonly unknown[]) => unknown)(...parameters);
    },
  ]);
  return Object.fromEntries(methods) as ObjectStore;
}
