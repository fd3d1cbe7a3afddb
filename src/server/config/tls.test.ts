import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, loadConfig, loadTls } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "skerry-tls-"));
afterAll(() => rmSync(directory, { recursive: true }));
const missing = join(directory, "missing.pem");
const junk = join(directory, "junk.pem");
writeFileSync(junk, "-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n");

describe("TLS files", () => {
  it.each([
    [
      "that are not there",
      missing,
      missing,
      /^tls\.certificate_file: .*missing\.pem cannot be read \(ENOENT\)$/,
    ],
    ["without their key", junk, missing, /^tls\.key_file: .*missing\.pem cannot be read \(ENOENT\)$/],
    ["that are none", junk, junk, /^tls\.certificate_file: .*junk\.pem is no certificate in PEM/],
  ])("%s are a fault of the configuration", (_, certificate, key, expected) => {
    const config = loadConfig({ flags: { "tls.certificate_file": certificate, "tls.key_file": key } });
    expect(() => loadTls(config)).toThrow(ConfigError);
    expect(() => loadTls(config)).toThrow(expected);
  });

  it("need not be there", () => {
    expect(loadTls(loadConfig({}))).toBeUndefined();
  });
});
