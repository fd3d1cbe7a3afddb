import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { ConfigError } from "./load.ts";
import type { Config } from "./settings.ts";

/** PEM, of the S3 and API listeners. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Undefined: no TLS is configured. Throws ConfigError when the files cannot be read, are not what they should be, or do not belong together. */
export function loadTls(config: Config): TlsFiles | undefined {
  if (config["tls.certificate_file"] === "") return undefined;
  const certificate = readPem(config, "tls.certificate_file");
  const key = readPem(config, "tls.key_file");
  try {
    createSecureContext({ cert: certificate });
  } catch (error) {
    throw unfit(config, "tls.certificate_file", "is no certificate in PEM", error);
  }
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    throw unfit(config, "tls.key_file", "is no private key in PEM, or not that of the certificate", error);
  }
  return { certificate, key };
}

type FileSetting = "tls.certificate_file" | "tls.key_file";

function readPem(config: Config, name: FileSetting): string {
  try {
    return readFileSync(config[name], "utf8");
  } catch (error) {
    throw unfit(config, name, "cannot be read", error);
  }
}

/** What OpenSSL and the system say of a file names no part of a key. */
function unfit(config: Config, name: FileSetting, what: string, error: unknown): ConfigError {
  const { code } = error as NodeJS.ErrnoException;
  return new ConfigError([`${name}: ${config[name]} ${what} (${code ?? String(error)})`]);
}
