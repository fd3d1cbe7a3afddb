/** JSON that is not what a message wants. `path` says where, as "documents[3].id"; empty: the whole. */
export class JsonError extends Error {
  readonly path: string;

  constructor(path: string, problem: string) {
    super(path === "" ? problem : `${path}: ${problem}`);
    this.name = "JsonError";
    this.path = path;
  }
}
