import { describe, expect, it } from "vitest";
import { type ConfigSources, describeSettings, formatConfig, loadConfig, SETTING_NAMES } from "./index.ts";

const load = (text: string, more: Omit<ConfigSources, "file"> = {}) =>
  loadConfig({ ...more, file: { path: "skerry.toml", text } });

function faults(sources: ConfigSources): string {
  try {
    loadConfig(sources);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("a configuration", () => {
  it("has a valid value for every setting without any source", () => {
    expect(Object.keys(loadConfig({})).sort()).toEqual([...SETTING_NAMES].sort());
  });

  it("takes flags over the environment over the file over defaults", () => {
    const text = '[node]\nname = "file"\nzone = "file"\n[s3]\nregion = "file"\n';
    const config = load(text, {
      environment: { SKERRY_NODE_ZONE: "environment", SKERRY_S3_REGION: "environment" },
      flags: { "s3.region": "flag" },
    });
    expect([config["node.name"], config["node.zone"], config["s3.region"], config["log.level"]]).toEqual([
      "file",
      "environment",
      "flag",
      "info",
    ]);
  });

  it.each([
    ['[storage]\ninline_size = "4KiB"', "storage.inline_size", 4096],
    ["[storage]\ninline_size = 4096", "storage.inline_size", 4096],
    ['[cluster]\ndelete_grace = "1.5h"', "cluster.delete_grace", 5_400_000],
    ['[api]\nlisten = "[::1]:0"', "api.listen", { host: "::1", port: 0 }],
    ['[node]\nroles = ["meta"]', "node.roles", ["meta"]],
    ['buckets = ["one", "two"]', "buckets", ["one", "two"]],
  ] as const)("reads %j", (text, name, expected) => {
    expect(load(text)[name]).toEqual(expected);
  });

  it("is not told by what Kubernetes says of a Service, nor by what commands read", () => {
    const environment = {
      SKERRY_SERVICE_HOST: "10.0.0.1",
      SKERRY_SERVICE_PORT: "9000",
      SKERRY_SERVICE_PORT_S3: "9000",
      SKERRY_API_PORT: "tcp://10.0.0.1:8080",
      SKERRY_PORT: "tcp://10.0.0.1:9000",
      SKERRY_PORT_9000_TCP: "tcp://10.0.0.1:9000",
      SKERRY_PORT_9000_TCP_ADDR: "10.0.0.1",
      SKERRY_STORE_SECRET_KEY: "secret",
    };
    expect(loadConfig({ environment })).toEqual(loadConfig({}));
  });

  it("is printed as a file that says the same, without secrets", () => {
    const config = load('[node]\nzone = "z"\n', {
      environment: { SKERRY_ROOT_ACCESS_KEY: "access", SKERRY_ROOT_SECRET_KEY: "very-secret-text" },
    });
    const printed = formatConfig(config);
    expect(printed).not.toContain("very-secret-text");
    const again = load(printed);
    expect({ ...again, "root.access_key": "", "root.secret_key": "" }).toEqual({
      ...config,
      "root.access_key": "",
      "root.secret_key": "",
    });
  });

  it("is described completely", () => {
    const page = describeSettings();
    for (const name of SETTING_NAMES) expect(page).toContain(`\`${name}\``);
  });
});

describe("what is wrong is refused with place, reason and fix", () => {
  it.each([
    ["an unknown key", "[s3]\n\nlissten = 1", "skerry.toml:3: there is no setting s3.lissten"],
    ["a wrong type", "[s3]\nregion = 7", "skerry.toml:2: s3.region is 7, not a text"],
    ["a size that is none", '[storage]\ninline_size = "big"', 'storage.inline_size is "big", not a size'],
    ["a size too large", '[storage]\ninline_size = "1TiB"', "storage.inline_size"],
    ["an address that is none", '[s3]\nlisten = "9000"', 'an address such as "127.0.0.1:9000"'],
    ["a port too large", '[s3]\nlisten = "a:70000"', "an address"],
    ["broken TOML", "[s3\n", "skerry.toml:1:"],
    ["a role that is none", '[node]\nroles = ["king"]', "there is no role king"],
    ["webhooks without a key", '[notifications]\ndestinations = ["a=https://b"]', "signing_key"],
    ["a webhook without TLS", '[notifications]\ndestinations = ["a=http://b"]', "without TLS"],
    ["a webhook that is no URL", '[notifications]\ndestinations = ["a=b"]', "name=URL"],
    [
      "a webhook twice",
      '[notifications]\ndestinations = ["a=https://b", "a=https://c"]',
      "a name occurs twice",
    ],
    ["days that are too short", "[lifecycle]\nday_seconds = 10", "lifecycle.allow_short_days"],
    ["plaintext off loopback", '[s3]\nlisten = "0.0.0.0:9000"', "listeners.allow_plaintext"],
    ["a website that is no domain", '[s3]\nwebsite_domains = ["a/b"]', "an entry is a domain"],
    [
      "websites within S3's own domain",
      '[s3]\ndomains = ["s3.example.com"]\nwebsite_domains = ["web.S3.example.com"]',
      "is not apart from",
    ],
    ["a proxy that is no address", '[listeners]\ntrusted_proxies = ["proxy.local"]', "an address or a block"],
    ["issuers in no network", '[iam]\nprivate_issuer_networks = ["intranet"]', "an address or a block"],
    ["an unknown mode for replays", '[s3]\nreplays = "deny"', "one of allow, observe, block"],
    ["an unknown digest", '[s3]\nrequire_digest = "md5"', "one of off, any, content-md5"],
    ["no failure at all", "[limits]\nfailed_authentications_burst = 0", "a whole number from 1"],
    [
      "a size that is no whole number",
      "[storage]\ninline_size = 1000.5",
      "storage.inline_size is 1000.5, not a size",
    ],
    ["a peer port without one above it", '[peer]\nlisten = "127.0.0.1:65535"', "at most 65534"],
    ["a domain with a scheme", '[s3]\ndomains = ["https://s3.example.com"]', "an entry is a domain"],
    ["half of a TLS pair", '[tls]\ncertificate_file = "a"', "together"],
  ])("%s", (_, text, expected) => {
    expect(faults({ file: { path: "skerry.toml", text } })).toContain(expected);
  });

  it.each([
    [{ SKERRY_S3_PORT: "9000" }, "SKERRY_S3_PORT: there is no such setting"],
    [{ SKERRY_S3_LISTTEN: "x" }, "SKERRY_S3_LISTTEN: there is no such setting"],
    [{ SKERRY_ROOT_ACCESS_KEY: "access" }, "together"],
    [{ SKERRY_ROOT_ACCESS_KEY: "access", SKERRY_ROOT_SECRET_KEY: "short" }, "at least 8 characters"],
    [{ SKERRY_ROOT_API_KEY: "not-an-api-key" }, "sk_"],
    [{ SKERRY_BUCKETS: "fine,Photos" }, 'SKERRY_BUCKETS: buckets has "Photos"; a bucket name has lower-case'],
  ])("%j", (environment, expected) => {
    const found = faults({ environment });
    expect(found).toContain(expected);
    expect(found).not.toContain("not-an-api-key");
  });

  it("and all of it at once", () => {
    expect(faults({ file: { path: "f", text: "[s3]\na = 1\nb = 2\n" } }).split("\n")).toHaveLength(2);
  });
});
