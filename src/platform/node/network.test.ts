import { NodeNetworkHarness } from "../testing/network-node-harness.ts";
import { describeNetwork } from "../testing/network-suite.ts";

describeNetwork("on Node", async () => new NodeNetworkHarness());
