import { ConfigError, loadConfig } from "../../../src/server/config/load.ts";
import { broken, type FuzzTarget, refusable, same, text, textOf, utf8 } from "../target.ts";

/** The configuration file: a configuration or faults that name the file, and the same text gives the same. */
export const configFile: FuzzTarget = {
  name: "config-file",
  maxBytes: 2048,
  dictionary: [
    "[node]",
    "[storage]",
    "[s3]",
    "[tls]",
    "[__proto__]",
    "constructor.x = 1",
    "= ",
    '"',
    "'''",
    "inf",
    "nan",
    "0x",
    "9007199254740993",
    "1979-05-27T07:32:00Z",
    "\u0000",
  ],
  seeds: () => [
    text(
      '[node]\nname = "a"\ndata_dir = "/data"\nzone = "z1"\n[s3]\nlisten = "127.0.0.1:9000"\n[storage]\ninline_size = "16KiB"\n',
    ),
    text(
      'node.data_dir = "/d"\n[api]\nlisten = "127.0.0.1:8080"\n[tls]\ncertificate = "/c.pem"\nkey = "/k.pem"\n',
    ),
  ],
  property: (input) => {
    const load = () => loadConfig({ file: { path: "f.toml", text: utf8(input) } });
    const config = refusable([ConfigError], load);
    if (({} as { x?: unknown }).x !== undefined) broken("the prototype of all objects was changed");
    if (config.kind === "refused") return config.label;
    same(load(), config.value, "the same text");
    return `a configuration of ${textOf(config.value).length >> 5}`;
  },
};
