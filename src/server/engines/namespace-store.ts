import { type Metadata, MetaError } from "../../meta/index.ts";
import {
  type NamespaceStore,
  type NamespaceView,
  SearchError,
  type SearchErrorCode,
} from "../../search/index.ts";

/** Complete by type. */
const SEARCH_CODES: Readonly<Record<MetaError["code"], SearchErrorCode>> = {
  unavailable: "unavailable",
  "outcome-unknown": "deadline-exceeded",
  overloaded: "overloaded",
};
/** When asking again may help, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** The rows and commands of namespaces, which reject with the codes of `search`. A row that the disk of this node does not give is "unavailable". */
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
  if (!(error instanceof MetaError)) return error;
  const details = error.code === "overloaded" ? { retryAfterMs: RETRY_AFTER_MS } : {};
  return new SearchError(SEARCH_CODES[error.code], error.message, details, error);
}
