import type { MetadataView } from "../../meta/index.ts";
import type { SimulatedCluster } from "../cluster/simulated-cluster.ts";
import type { SimulatedNode } from "../cluster/simulated-node.ts";
import type { Task } from "../workload/client.ts";
import { enginePort } from "./engine-port.ts";
import type { NamespaceOperations } from "./operations.ts";
import type { NamespacePort } from "./port.ts";

/** Does it through the node again and again, until it has worked. */
export type Insist = (node: SimulatedNode, task: Omit<Task, "id">) => Promise<void>;

/** What is asked of namespaces once all is well. */
export class NamespacePhases {
  readonly #namespaces: NamespaceOperations;
  readonly #cluster: SimulatedCluster;
  readonly #insist: Insist;

  constructor(namespaces: NamespaceOperations, cluster: SimulatedCluster, insist: Insist) {
    this.#namespaces = namespaces;
    this.#cluster = cluster;
    this.#insist = insist;
  }

  /** What came of every write and branch. */
  async resolve(): Promise<void> {
    await this.#on(this.#cluster.members[0]!, "resolve", (port) => this.#namespaces.resolve(port));
  }

  /** Every node shows every namespace; what it shows is judged with the rest of the history. */
  async readAll(): Promise<void> {
    const reads = this.#cluster.members.flatMap((node) =>
      this.#namespaces.live.map((history) =>
        this.#on(node, `read all of ${history.name}`, (port) => this.#namespaces.readAll(history, port)),
      ),
    );
    await Promise.all(reads);
  }

  async verifyAll(): Promise<void> {
    const node = this.#cluster.members.at(-1)!;
    for (const history of this.#namespaces.live) {
      await this.#on(node, `verify ${history.name}`, (port) => this.#namespaces.verify(history, port));
    }
  }

  async deleteAll(): Promise<void> {
    await this.#on(this.#cluster.members[0]!, "delete all", (port) => this.#namespaces.deleteAll(port));
  }

  /** Everything that was written is indexed, and nothing is left of what was deleted. */
  async areSettled(view: MetadataView): Promise<boolean> {
    const page = { after: 0n, limit: 1000 };
    if ((await view.unindexedNamespaces(page)).length > 0) return false;
    return (await view.namespaceIds(page)).length === this.#namespaces.live.length;
  }

  #on(node: SimulatedNode, what: string, perform: (port: NamespacePort) => Promise<string>): Promise<void> {
    return this.#insist(node, {
      what: `namespaces: ${what}`,
      isRead: true,
      begin: ({ search, signal }) => ({
        answer: perform(enginePort(search, signal)),
        failed: () => undefined,
        lost: () => undefined,
      }),
    });
  }
}
