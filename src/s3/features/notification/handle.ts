import { toHex } from "../../../base/index.ts";
import { type Notifications, notificationsDocument, readNotifications } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import type { NotificationOperation } from "./operations.ts";
import { DESTINATION_ELEMENTS, NOTIFICATION_ROOT, readNotificationRules } from "./read.ts";

const KIND = "notification";

export const notificationHandlers: Handlers<NotificationOperation["name"]> = {
  GetBucketNotificationConfiguration: async ({ bucket }, call) => {
    const configuration = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    return xmlResponse(
      render(configuration === undefined ? { rules: [] } : readNotifications(configuration)),
    );
  },

  PutBucketNotificationConfiguration: async ({ bucket }, call) => {
    const root = await readDocument(call, NOTIFICATION_ROOT);
    const seed = new TextEncoder().encode(JSON.stringify(root));
    const idOf = (at: number) => `${toHex(call.hasher.digest("md5", seed))}-${at + 1}`;
    const rules = readNotificationRules(root, call.notificationDestinations, idOf);
    if (rules.length === 0) await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    else {
      const before = await call.store.getBucketConfiguration({ bucket, kind: KIND });
      const configuration = notificationsDocument({ rules }, before);
      await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration });
    }
    return { status: 200, headers: [], body: NO_BODY };
  },
};

function render({ rules }: Notifications): string {
  const xml = new XmlWriter(NOTIFICATION_ROOT, S3_NAMESPACE);
  for (const { id, kind, arn, events, filters } of rules) {
    const { element, arn: arnElement } = DESTINATION_ELEMENTS[kind];
    xml.element(element, () => {
      xml.leaf("Id", id).leaf(arnElement, arn);
      for (const event of events) xml.leaf("Event", event);
      if (filters.length === 0) return;
      xml.element("Filter", () => {
        xml.element("S3Key", () => {
          for (const { name, value } of filters) {
            xml.element("FilterRule", () => {
              xml.leaf("Name", name).leaf("Value", value);
            });
          }
        });
      });
    });
  }
  return xml.end();
}
