/**
 * The environment of a program under test: where it finds other programs and files, and nothing of what the caller's shell says about
 * certificates, proxies, AWS or Skerry.
 */
export function cleanEnvironment(
  extra: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const kept: Record<string, string | undefined> = {
    PATH: process.env["PATH"],
    HOME: process.env["HOME"],
    TMPDIR: process.env["TMPDIR"],
    LANG: "C.UTF-8",
  };
  const all = Object.entries({ ...kept, ...extra });
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
