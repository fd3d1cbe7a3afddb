/**
 * Clients of S3 that are installed for the tests, once per machine, into a cache folder: from PyPI into an environment of Python's own, from
 * Debian by unpacking. Where the registry cannot be reached the test is skipped, and says so.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { cleanEnvironment } from "./clean-environment.ts";

const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "skerry/clients");
const INSTALL_TIMEOUT_MS = 300_000;
const MACHINE_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/** The folder with the commands of these PyPI packages ("name==version"); undefined: they cannot be had. `only`: nothing is installed besides, whatever they ask for. */
export function fromPyPi(
  name: string,
  packages: readonly string[],
  { only = false }: { readonly only?: boolean } = {},
): string | undefined {
  const directory = join(
    CACHE,
    `${name}-${packages
      .join("_")
      .replaceAll(/[^\w.=-]/g, "")
      .slice(0, 200)}`,
  );
  const flags = ["--quiet", ...(only ? ["--no-deps"] : [])];
  return (
    installed(directory, (fresh) => {
      if (!succeeds("python3", ["-m", "venv", fresh])) return false;
      // Scripts name their interpreter by its path: the environment stays where it is made.
      return succeeds(join(fresh, "bin/python3"), ["-m", "pip", "install", ...flags, ...packages]);
    }) && join(directory, "bin")
  );
}

/** The folder with the commands of a Debian package, which is not installed but unpacked, together with others that it needs and this machine lacks. */
export function fromDebian(packageName: string, needed: readonly string[] = []): string | undefined {
  const directory = join(CACHE, `debian-${[packageName, ...needed].join("+").slice(0, 200)}`);
  return (
    installed(directory, (fresh) => {
      mkdirSync(fresh, { recursive: true });
      if (!succeeds("apt-get", ["download", "--quiet", packageName, ...needed], fresh)) return false;
      const archives = globSync("*.deb", { cwd: fresh });
      return (
        archives.length > needed.length &&
        archives.every((archive) => succeeds("dpkg-deb", ["--extract", archive, "."], fresh))
      );
    }) && join(directory, "usr/bin")
  );
}

/** The folder with the modules of these npm packages ("name@version"); undefined: they cannot be had. */
export function fromNpm(name: string, packages: readonly string[]): string | undefined {
  const directory = join(CACHE, `npm-${name}-${packages.join("_").replaceAll(/[^\w.=@-]/g, "")}`);
  return (
    installed(directory, (fresh) => {
      mkdirSync(fresh, { recursive: true });
      const flags = ["--prefix", fresh, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
      return succeeds("npm", ["install", ...flags, ...packages]);
    }) && join(directory, "node_modules")
  );
}

/** Installs once; a half-made folder never counts. */
function installed(directory: string, install: (directory: string) => boolean): true | undefined {
  const mark = join(directory, ".installed");
  if (existsSync(mark)) return true;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  if (install(directory)) {
    const made = mkdtempSync(join(CACHE, "mark-"));
    renameSync(made, mark);
    return true;
  }
  console.warn(`SKIPPED: this client is not tested, for it could not be installed into ${directory}`);
  rmSync(directory, { recursive: true, force: true });
  return undefined;
}

function succeeds(command: string, args: readonly string[], cwd?: string): boolean {
  const { status } = spawnSync(command, args, {
    env: cleanEnvironment({
      PIP_INDEX_URL: process.env["PIP_INDEX_URL"],
      npm_config_registry: process.env["npm_config_registry"],
      // npm alone does not look where the machine keeps whom it trusts.
      ...(existsSync(MACHINE_CERTIFICATES) && { NODE_EXTRA_CA_CERTS: MACHINE_CERTIFICATES }),
      PIP_DISABLE_PIP_VERSION_CHECK: "1",
      PYENV_ROOT: process.env["PYENV_ROOT"],
    }),
    stdio: "ignore",
    timeout: INSTALL_TIMEOUT_MS,
    ...(cwd !== undefined && { cwd }),
  });
  return status === 0;
}
