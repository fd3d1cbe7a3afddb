import {
  type IdentityProvider,
  type IdentityTag,
  type ProviderAddress,
  providers,
} from "../../identity/index.ts";
import { isoTime, listed, ofIam, type QueryCall, type QueryTable, type QueryValue } from "./operation.ts";

const arn = ({ parameters }: QueryCall): string => parameters.required("OpenIDConnectProviderArn");
const address = (call: QueryCall): ProviderAddress => ({ ...call.account, arn: arn(call) });
const everyProvider = ({ account }: QueryCall): string => `arn:aws:iam::${account.accountId}:oidc-provider/*`;

function tagValues(tags: readonly IdentityTag[]): readonly QueryValue[] {
  return tags.map(({ name, value }) => ({ Key: name, Value: value }));
}

function providerValue(provider: IdentityProvider): QueryValue {
  return {
    Url: provider.url,
    ClientIDList: provider.clientIds,
    ThumbprintList: provider.thumbprints,
    CreateDate: isoTime(provider.createdAtMs),
    ...(provider.tags.length > 0 && { Tags: tagValues(provider.tags) }),
  };
}

export const PROVIDER_OPERATIONS: QueryTable = {
  CreateOpenIDConnectProvider: ofIam({
    parameters: ["Url", "ClientIDList", "ThumbprintList", "Tags"],
    target: ({ account, parameters }) => {
      const url = parameters
        .required("Url")
        .replace(/^https:\/\//, "")
        .replace(/\/$/, "");
      return `arn:aws:iam::${account.accountId}:oidc-provider/${url}`;
    },
    run: async ({ iam, account, parameters }) => {
      const created = await providers.createProvider(iam, account, {
        url: parameters.required("Url"),
        clientIds: parameters.list("ClientIDList"),
        thumbprints: parameters.list("ThumbprintList"),
        tags: parameters.tags(),
      });
      return {
        OpenIDConnectProviderArn: created.arn,
        ...(created.tags.length > 0 && { Tags: tagValues(created.tags) }),
      };
    },
  }),

  GetOpenIDConnectProvider: ofIam({
    parameters: ["OpenIDConnectProviderArn"],
    target: arn,
    run: async (call) => providerValue(await providers.getProvider(call.iam, address(call))),
  }),

  ListOpenIDConnectProviders: ofIam({
    parameters: [],
    target: everyProvider,
    run: async ({ iam, account }) => {
      const found = await providers.listProviders(iam, account);
      return { OpenIDConnectProviderList: found.map((provider) => ({ Arn: provider.arn })) };
    },
  }),

  DeleteOpenIDConnectProvider: ofIam({
    parameters: ["OpenIDConnectProviderArn"],
    target: arn,
    run: async (call) => {
      await providers.deleteProvider(call.iam, address(call));
      return undefined;
    },
  }),

  AddClientIDToOpenIDConnectProvider: ofIam({
    parameters: ["OpenIDConnectProviderArn", "ClientID"],
    target: arn,
    run: async (call) => {
      await providers.addClientId(call.iam, address(call), call.parameters.required("ClientID"));
      return undefined;
    },
  }),

  RemoveClientIDFromOpenIDConnectProvider: ofIam({
    parameters: ["OpenIDConnectProviderArn", "ClientID"],
    target: arn,
    run: async (call) => {
      await providers.removeClientId(call.iam, address(call), call.parameters.required("ClientID"));
      return undefined;
    },
  }),

  UpdateOpenIDConnectProviderThumbprint: ofIam({
    parameters: ["OpenIDConnectProviderArn", "ThumbprintList"],
    target: arn,
    run: async (call) => {
      await providers.setThumbprints(call.iam, address(call), call.parameters.list("ThumbprintList"));
      return undefined;
    },
  }),

  TagOpenIDConnectProvider: ofIam({
    parameters: ["OpenIDConnectProviderArn", "Tags"],
    target: arn,
    run: async (call) => {
      await providers.addProviderTags(call.iam, address(call), call.parameters.tags());
      return undefined;
    },
  }),

  UntagOpenIDConnectProvider: ofIam({
    parameters: ["OpenIDConnectProviderArn", "TagKeys"],
    target: arn,
    run: async (call) => {
      await providers.removeProviderTags(call.iam, address(call), call.parameters.list("TagKeys"));
      return undefined;
    },
  }),

  ListOpenIDConnectProviderTags: ofIam({
    parameters: ["OpenIDConnectProviderArn", "Marker", "MaxItems"],
    target: arn,
    run: async (call) => {
      const { tags } = await providers.getProvider(call.iam, address(call));
      return listed("Tags", { items: tagValues(tags) });
    },
  }),
};
