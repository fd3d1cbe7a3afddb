/** The promise: what a user names is asked only where the public internet is. */
import { expect, it } from "vitest";
import { isAddressIn, isPublicAddress } from "./public-address.ts";

it.each([
  ["8.8.8.8", true],
  ["2606:4700::1", true],
  ["127.0.0.1", false],
  ["0.0.0.0", false],
  ["10.1.2.3", false],
  ["172.31.255.255", false],
  ["192.168.0.1", false],
  ["169.254.169.254", false],
  ["100.64.0.1", false],
  ["224.0.0.1", false],
  ["255.255.255.255", false],
  ["::1", false],
  ["::", false],
  ["fe80::1%eth0", false],
  ["fd00::1", false],
  ["::ffff:127.0.0.1", false],
  ["::ffff:8.8.8.8", true],
  ["64:ff9b::7f00:1", false],
  ["2002:7f00:1::", false],
  ["2001:db8::1", false],
  ["127.1", false],
  ["example.com", false],
  ["", false],
])("%s is public: %s", (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

it("networks hold what they hold", () => {
  expect(isAddressIn("127.0.0.1", ["10.0.0.0/8", "127.0.0.0/8"])).toBe(true);
  expect(isAddressIn("::ffff:127.0.0.1", ["127.0.0.0/8"])).toBe(true);
  expect(isAddressIn("127.0.0.1", ["nonsense", "::1"])).toBe(false);
  expect(isAddressIn("nonsense", ["0.0.0.0/0"])).toBe(false);
});
