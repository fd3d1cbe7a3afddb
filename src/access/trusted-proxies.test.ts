import { describe, expect, it } from "vitest";
import { isAddressBlock, TrustedProxies } from "./trusted-proxies.ts";

const PROXIES = new TrustedProxies(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]);
const through = (address: string, forwardedFor?: string, forwardedProto?: string, secure = false) =>
  PROXIES.client({ address, secure }, { forwardedFor, forwardedProto });

describe("who is behind a proxy", () => {
  it.each([
    ["a stranger's headers count for nothing", "198.51.100.1", "1.2.3.4", "198.51.100.1"],
    ["a proxy says who it is", "10.1.1.1", "198.51.100.1", "198.51.100.1"],
    ["through two proxies", "10.1.1.1", "198.51.100.1, 10.2.2.2", "198.51.100.1"],
    ["what the client wrote itself is not believed", "10.1.1.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"],
    ["also when it names a proxy", "10.1.1.1", "10.9.9.9, 198.51.100.1, 10.2.2.2", "198.51.100.1"],
    ["nobody but proxies", "10.1.1.1", "10.3.3.3", "10.3.3.3"],
    ["what is no address ends the search", "10.1.1.1", "198.51.100.1, unknown, 10.2.2.2", "10.2.2.2"],
    ["an empty header", "10.1.1.1", "", "10.1.1.1"],
    ["an IPv4 peer in IPv6 clothes", "::ffff:10.1.1.1", "198.51.100.1", "198.51.100.1"],
    ["with ports", "10.1.1.1", "198.51.100.1:5555", "198.51.100.1"],
    ["IPv6 with a port", "2001:db8::1", "[2001:4860::1]:443", "2001:4860::1"],
    ["a single address is a block of one", "192.0.2.7", "198.51.100.1", "198.51.100.1"],
    ["its neighbour is not in it", "192.0.2.8", "198.51.100.1", "192.0.2.8"],
  ])("%s", (_, peer, forwardedFor, client) => {
    expect(through(peer, forwardedFor).address).toBe(client);
  });

  it("whether the client's connection is encrypted is the nearest proxy's word", () => {
    expect(through("10.1.1.1", "198.51.100.1", "https").secure).toBe(true);
    expect(through("10.1.1.1", "198.51.100.1", "https, http").secure).toBe(false);
    expect(through("10.1.1.1", "198.51.100.1", "http", true).secure).toBe(false);
    expect(through("10.1.1.1", "198.51.100.1", undefined, true).secure).toBe(true);
    expect(through("198.51.100.1", undefined, "https").secure).toBe(false);
  });

  it("a header of any length costs a bounded look", () => {
    const long = `${"10.0.0.1,".repeat(5_000)}10.0.0.1`;
    expect(through("10.1.1.1", `198.51.100.1,${long}`).address).toBe("10.0.0.1");
  });

  it.each(["10.0.0.0/33", "10.0.0", "proxy.example.com", "", "10.0.0.0/", "::/129"])(
    "%j is no block",
    (text) => {
      expect(isAddressBlock(text)).toBe(false);
      expect(new TrustedProxies([text]).client({ address: "10.0.0.1", secure: false }, HEADERS).address).toBe(
        "10.0.0.1",
      );
    },
  );
});

const HEADERS = { forwardedFor: "1.2.3.4", forwardedProto: "https" };
