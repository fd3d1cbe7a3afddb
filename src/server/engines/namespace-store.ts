import { type Metadata, MetaError } from "../../meta/index.ts";
import { type NamespaceStore, type NamespaceView, SearchError } from "../../search/index.ts";

/** The rows and commands of namespaces. No answer is "unavailable"; so is a row that the disk of this node does not give. */
export function namespaceStore(metadata: Metadata): NamespaceStore {
  return {
    submit: (command, signal) => answered(metadata.submit(command, signal === undefined ? {} : { signal })),
    barrier: () => answered(metadata.barrier()),
    view: namespaceView(metadata.view),
  };
}

/** What `read` gives; rejected by the metadata: SearchError. */
export function readAsSearch<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw asSearch(error);
  }
}

function namespaceView(view: Metadata["view"]): NamespaceView {
  return {
    appliedTimeMs: () => view.appliedTimeMs(),
    namespaceName: (...name) => readAsSearch(() => view.namespaceName(...name)),
    namespace: (namespaceId) => readAsSearch(() => view.namespace(namespaceId)),
    namespaceNames: (options) => answered(view.namespaceNames(options)),
    manifest: (...of) => answered(view.manifest(...of)),
    manifestPast: (...of) => answered(view.manifestPast(...of)),
    namespaceIds: (options) => answered(view.namespaceIds(options)),
    unindexedNamespaces: (options) => answered(view.unindexedNamespaces(options)),
    trimmableNamespaces: (options) => answered(view.trimmableNamespaces(options)),
    rememberedBatches: (...of) => answered(view.rememberedBatches(...of)),
    oldestRememberedBatches: (...of) => answered(view.oldestRememberedBatches(...of)),
    rememberedBatch: (...of) => readAsSearch(() => view.rememberedBatch(...of)),
    searchScope: (...scope) => readAsSearch(() => view.searchScope(...scope)),
    namespaceLease: (...of) => readAsSearch(() => view.namespaceLease(...of)),
  };
}

async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw asSearch(error);
  }
}

function asSearch(error: unknown): unknown {
  return error instanceof MetaError ? new SearchError("unavailable", error.message, {}, error) : error;
}
