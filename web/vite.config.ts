import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { defaultClientConditions, defineConfig } from "vite";
import { offline } from "./offline.ts";
import { shippedFiles } from "./shipped-files.ts";

const root = resolve(import.meta.dirname, "..");
const dataOf = (name: string): string =>
  join(dirname(createRequire(import.meta.url).resolve(`@stdlib/${name}/package.json`)), "data");

/** Without these two a page may not use threads. Any host of the build must send them for all files; see README.md. */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

export default defineConfig({
  base: "./",
  resolve: {
    // The library in this repository, by its public names.
    alias: [
      { find: /^infini-transformer\/(node|web)$/, replacement: join(root, "src", "platform", "$1", "index.ts") },
      { find: /^infini-transformer\/([a-z]+)$/, replacement: join(root, "src", "$1", "index.ts") },
      { find: /^infini-lab\/([a-z]+)$/, replacement: join(root, "lab", "$1", "index.ts") },
    ],
    // ONNX Runtime without its WebAssembly inside: src/engine/runtime-files.ts says where that is.
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  // The page does not show what the workers import; discovered late, it would load the page twice.
  optimizeDeps: { include: ["fflate", "onnx-proto", "onnxruntime-web/wasm", "onnxruntime-web/webgpu"] },
  server: { headers: ISOLATION, fs: { allow: [root] } },
  preview: { headers: ISOLATION },
  worker: { format: "es" },
  build: { target: "es2023", chunkSizeWarningLimit: 1000 },
  plugins: [
    shippedFiles({
      "models/passkey/config.json": join(root, "models/passkey/config.json"),
      "models/passkey/model.safetensors": join(root, "models/passkey/model.safetensors"),
      "texts/moby-dick.txt": join(dataOf("datasets-moby-dick"), "data.txt"),
      "texts/lincoln-1863.txt": join(dataOf("datasets-sotu"), "1863_abraham_lincoln_r.txt"),
    }),
    offline(join(import.meta.dirname, "service-worker.js"), [
      /^texts\/moby-dick/,
      /^assets\/ort\.webgpu/,
      /^assets\/.*asyncify/,
    ]),
  ],
});
