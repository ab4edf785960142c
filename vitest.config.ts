import { defineConfig } from "vitest/config";

/** Everything that starts processes or a browser, builds, or takes long: for `npm test`, too much for `npm run test:unit`. */
const SLOW = [
  "{lab,test}/**/*.test.ts",
  "src/cli/**/*.test.ts",
  "src/**/*.slow.test.ts",
  "src/runtime/{look,runtime,session,stored-weights}.test.ts",
  "src/tasks/fit.test.ts",
  "src/text/tokenizers/tokenizers.test.ts",
  "src/train/{carry,loop,stepper}.test.ts",
  "src/model/{cost,stack}.test.ts",
];

export default defineConfig({
  test: {
    setupFiles: ["test/fail-on-console.ts"],
    env: { ORT_DISABLE_TELEMETRY: "1" }, // also where a test loads ONNX Runtime by itself
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"], exclude: SLOW } },
      { extends: true, test: { name: "slow", include: SLOW } },
    ],
  },
});
