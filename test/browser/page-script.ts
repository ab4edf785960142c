import { build } from "esbuild";

/** A page that runs nothing but `page.js`. */
export const PAGE =
  '<!doctype html><link rel="icon" href="data:,"><title>page</title><script type="module" src="page.js"></script>';

/** A script and all that it imports, as a browser takes it; the files of ONNX Runtime stay where they are. */
export async function bundleScript(entry: string, alias: Readonly<Record<string, string>> = {}): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    alias: { ...alias },
    conditions: ["onnxruntime-web-use-extern-wasm"],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}
