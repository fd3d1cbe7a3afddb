import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { DocumentService, NamespaceService, QueryService } from "../../gen/skerry/search/v1/search_pb.js";
import { asked } from "./fake-namespaces.ts";
import { TestApi } from "./test-api.ts";

/** Greater than a double holds; `post` writes it in full where a body says "BIG". */
export const BIG = 9007199254740993n;
export const DOCS = { org: "acme", project: "web", namespace: "docs" };
export const PATH = "/v1/orgs/acme/projects/web/namespaces/docs";
/** The namespace of `DOCS` and `PATH` as the service is asked for it. */
export const NAME = { org: "acme", project: "web", name: "docs" };

/** The API over fake namespaces for all tests of a file, with a client of each kind. */
export class SearchApi {
  #api: TestApi | undefined;

  /** For the file that calls it: what was asked is forgotten before each test. */
  static forTests(): SearchApi {
    const search = new SearchApi();
    beforeAll(async () => {
      search.#api = await TestApi.start();
    });
    afterAll(() => search.api.close());
    beforeEach(() => {
      asked.length = 0;
    });
    return search;
  }

  get api(): TestApi {
    if (this.#api === undefined) throw new Error("outside of a test");
    return this.#api;
  }

  get namespaces() {
    return createClient(NamespaceService, this.api.http2());
  }

  get documents() {
    return createClient(DocumentService, this.api.http2());
  }

  get queries() {
    return createClient(QueryService, this.api.http2());
  }

  post(path: string, body: unknown, key = "admin") {
    return this.api.rest("POST", path, { key, body: jsonOf(body) });
  }
}

/** What the namespaces were asked, but for signals and other marks of the way. */
export const lastAsked = () => asked.at(-1)?.arguments.slice(0, 2);

/** JSON in which "BIG" is the number. */
export const jsonOf = (body: unknown) => JSON.stringify(body).replace('"BIG"', BIG.toString());
