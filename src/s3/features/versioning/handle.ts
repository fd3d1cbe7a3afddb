import type { Versioning } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { notImplemented } from "../../errors.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import type { VersioningOperation } from "./operations.ts";

const ROOT = "VersioningConfiguration";

export const versioningHandlers: Handlers<VersioningOperation["name"]> = {
  GetBucketVersioning: async ({ bucket }, call) =>
    xmlResponse(render(await call.store.getBucketVersioning(bucket))),

  PutBucketVersioning: async ({ bucket }, call) => {
    const versioning = read(await readDocument(call, ROOT));
    await call.store.putBucketVersioning({ bucket, versioning });
    return { status: 200, headers: [], body: NO_BODY };
  },
};

function read(root: XmlElement): "enabled" | "suspended" {
  childrenOf(root, ["Status", "MfaDelete"]);
  if (textOf(root, "MfaDelete")?.trim() === "Enabled") throw notImplemented("MFA delete");
  switch (textOf(root, "Status")?.trim()) {
    case "Enabled":
      return "enabled";
    case "Suspended":
      return "suspended";
    default:
      throw malformed("Status is Enabled or Suspended");
  }
}

const STATUS: Readonly<Record<Versioning, string | undefined>> = {
  never: undefined,
  enabled: "Enabled",
  suspended: "Suspended",
};

function render(versioning: Versioning): string {
  return new XmlWriter(ROOT, S3_NAMESPACE).leaf("Status", STATUS[versioning]).end();
}
