import { isAddressBlock } from "../../access/index.ts";
import { bucketNameFault } from "../../object/index.ts";
import { parseDestination } from "../destinations.ts";
import type { Config, SettingName } from "./settings.ts";

const ROLES = ["meta", "storage", "gateway", "search"];
const MAX_DESTINATIONS = 16;
const LEAST_SIGNING_KEY_LENGTH = 16;
/** Raft listens on the port above the peer listener's. */
const LAST_PEER_PORT = 65_534;
const DOMAIN = /^[a-z0-9][a-z0-9.-]{0,252}$/i;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** What is wrong with a configuration whose values are each valid: combinations that are unsafe or make no sense. */
export function checkConfig(config: Config, where: (name: SettingName) => string): readonly string[] {
  return [
    ...nameFaults(config, where),
    ...listenerFaults(config, where),
    ...tlsFaults(config, where),
    ...rootKeyFaults(config, where),
    ...bucketFaults(config, where),
    ...domainFaults(config, where),
    ...lifecycleFaults(config, where),
    ...notificationFaults(config, where),
    ...networkFaults(config, where),
  ];
}

function* nameFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  for (const name of ["node.name", "node.zone"] as const) {
    if (!/^[a-z0-9][a-z0-9-_.]{0,62}$/i.test(config[name])) {
      yield `${where(name)}: ${name} has 1 to 63 letters, digits, dots, hyphens or underscores`;
    }
  }
  for (const role of config["node.roles"]) {
    if (!ROLES.includes(role))
      yield `${where("node.roles")}: there is no role ${role}; roles are ${ROLES.join(", ")}`;
  }
  if (config["node.roles"].length === 0) yield `${where("node.roles")}: a node has at least one role`;
  if (config["node.data_dir"] === "") yield `${where("node.data_dir")}: node.data_dir is empty`;
}

function* listenerFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  if (config["peer.listen"].port > LAST_PEER_PORT) {
    yield `${where("peer.listen")}: peer.listen has a port of at most ${LAST_PEER_PORT}, since Raft listens on the one above it`;
  }
  const hasTls = config["tls.certificate_file"] !== "";
  for (const name of ["s3.listen", "api.listen", "metrics.listen"] as const) {
    const { host } = config[name];
    const encrypted = hasTls && name !== "metrics.listen";
    if (!encrypted && !config["listeners.allow_plaintext"] && !LOOPBACK.test(host)) {
      yield `${where(name)}: ${name} = ${host} is not loopback and would be without TLS; set tls.certificate_file and tls.key_file, or listeners.allow_plaintext = true if something in front encrypts`;
    }
  }
}

function* tlsFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  if ((config["tls.certificate_file"] === "") !== (config["tls.key_file"] === "")) {
    yield `${where("tls.certificate_file")}: tls.certificate_file and tls.key_file are set together or not at all`;
  }
}

function* rootKeyFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  const access = config["root.access_key"];
  const secret = config["root.secret_key"];
  const api = config["root.api_key"];
  if ((access === "") !== (secret === "")) {
    yield `${where("root.access_key")}: root.access_key and root.secret_key are set together or not at all`;
  }
  if (access !== "" && !/^[A-Za-z0-9_.-]{3,128}$/.test(access)) {
    yield `${where("root.access_key")}: an access key has 3 to 128 letters, digits, dots, hyphens or underscores`;
  }
  if (secret !== "" && secret.length < 8) {
    yield `${where("root.secret_key")}: a secret has at least 8 characters`;
  }
  if (api !== "" && !/^sk_[A-Za-z0-9_-]{16,200}$/.test(api)) {
    yield `${where("root.api_key")}: an API key is "sk_" and 16 to 200 letters, digits, hyphens or underscores`;
  }
}

function* notificationFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  const entries = config["notifications.destinations"];
  const at = where("notifications.destinations");
  if (entries.length > MAX_DESTINATIONS) yield `${at}: there are at most ${MAX_DESTINATIONS} destinations`;
  const destinations = entries.map(parseDestination);
  for (const [index, destination] of destinations.entries()) {
    if (destination === undefined) {
      yield `${at}: "${entries[index]}" is not name=URL; a name has letters, digits, hyphens and underscores, a URL begins with https:// or http:// and has no password in it`;
    } else if (!isEncrypted(destination.url) && !config["listeners.allow_plaintext"]) {
      yield `${at}: ${destination.name} would be told without TLS; use https, or listeners.allow_plaintext = true if something in front encrypts`;
    }
  }
  const names = destinations.flatMap((destination) => destination?.name ?? []);
  if (new Set(names).size < names.length) yield `${at}: a name occurs twice`;
  if (entries.length > 0 && config["notifications.signing_key"].length < LEAST_SIGNING_KEY_LENGTH) {
    yield `${where("notifications.signing_key")}: notifications.signing_key has at least ${LEAST_SIGNING_KEY_LENGTH} characters where there are destinations, so that they can tell who speaks to them`;
  }
}

function isEncrypted(url: URL): boolean {
  return url.protocol === "https:" || LOOPBACK.test(url.hostname.replace(/^\[|\]$/g, ""));
}

function* lifecycleFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  const seconds = config["lifecycle.day_seconds"];
  if (seconds !== 86_400 && !config["lifecycle.allow_short_days"]) {
    yield `${where("lifecycle.day_seconds")}: lifecycle.day_seconds = ${seconds} makes objects expire before their time; leave it at 86400, or set lifecycle.allow_short_days = true on a cluster that is there for tests alone`;
  }
}

function* bucketFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  for (const bucket of config.buckets) {
    const fault = bucketNameFault(bucket);
    if (fault !== undefined) yield `${where("buckets")}: buckets has "${bucket}"; ${fault}`;
  }
}

/** A host that could be both would be S3 to one node and a website to another. */
function* domainFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  for (const name of ["s3.domains", "s3.website_domains"] as const) {
    for (const domain of config[name]) {
      if (!DOMAIN.test(domain)) {
        yield `${where(name)}: ${name} has "${domain}"; an entry is a domain such as "web.example.com"`;
      }
    }
  }
  const name = "s3.website_domains";
  for (const domain of config[name]) {
    for (const other of config["s3.domains"]) {
      if (isWithin(domain, other) || isWithin(other, domain)) {
        yield `${where(name)}: ${name} has "${domain}", which is not apart from "${other}" of s3.domains`;
      }
    }
  }
}

function isWithin(inner: string, outer: string): boolean {
  return `.${inner}`.toLowerCase().endsWith(`.${outer}`.toLowerCase());
}

function* networkFaults(config: Config, where: (name: SettingName) => string): Iterable<string> {
  for (const name of ["listeners.trusted_proxies", "iam.private_issuer_networks"] as const) {
    for (const block of config[name]) {
      if (!isAddressBlock(block)) {
        yield `${where(name)}: ${name} has "${block}"; an entry is an address or a block such as "10.0.0.0/8"`;
      }
    }
  }
}
