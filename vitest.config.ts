import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{src,lab,test}/**/*.test.ts"],
    setupFiles: ["test/fail-on-console.ts"],
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
