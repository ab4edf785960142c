import { infiniSuite } from "./infini.suite.ts";

/** With those of mixer.test.ts: every rule, feature map, gate, shift and cache, each in the company of several others. */
infiniSuite([
  { update: "none", cache: true, shift: "convolution", numHeads: 4 },
  { update: "linear", numKeyValueHeads: 2 },
  { update: "linear", shift: "token", numKeyValueHeads: 1 },
  { update: "linear", featureMap: "softmax", shift: "convolution", numHeads: 4, numKeyValueHeads: 2 },
  { update: "delta", numKeyValueHeads: 1 },
  { update: "delta", featureMap: "softmax", cache: true, numKeyValueHeads: 1 },
  { update: "delta-corrected", shift: "token" },
  { update: "token-delta", numKeyValueHeads: 2 },
  { update: "token-delta", shift: "token", numHeads: 4, numKeyValueHeads: 2 },
  { update: "token-delta", writeStrength: "hard-sigmoid", numKeyValueHeads: 1 },
  { update: "token-delta", shift: "convolution", shiftInit: "random" },
  { update: "token-delta", featureMap: "dpfp", shift: "convolution", gate: "token", numHeads: 4, numKeyValueHeads: 2 },
  { update: "token-delta", featureMap: "softmax" },
  { update: "gated-token-delta", shift: "token", numKeyValueHeads: 1 },
  { update: "delta-corrected", heads: [1, 2], numHeads: 3, numKeyValueHeads: 3 },
  { update: "gated-token-delta", shift: "token", gate: "token", heads: [0, 2], numHeads: 6, numKeyValueHeads: 3 },
  { update: "gated-token-delta", featureMap: "elu-plus-one", numHeads: 4, numKeyValueHeads: 2 },
]);
