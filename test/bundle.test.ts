import { build, type Metafile } from "esbuild";
import { describe, expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };

const BROWSER_PATHS = Object.keys(manifest.exports).filter((path) => !["./node", "./package.json"].includes(path));
/** An optional peer, imported when an engine is asked for. */
const RUNTIMES = ["onnxruntime-web/wasm", "onnxruntime-web/webgpu"];
/** Of all sub-paths together, minified, without what is loaded when it is asked for. Raise it only with what needs the room. */
const MOST_BYTES = 750_000;

describe("everything but infini-transformer/node", () => {
  it("bundles for the browser, without a module of Node and in little room", async () => {
    const contents = BROWSER_PATHS.map(
      (path, i) => `export * as part${i} from "infini-transformer${path.slice(1)}";`,
    ).join("\n");
    const { metafile } = await build({
      stdin: { contents, resolveDir: "." },
      bundle: true,
      splitting: true,
      outdir: "bundle",
      minify: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "browser",
      external: RUNTIMES,
      logLevel: "silent",
    });
    const { outputs } = metafile;
    const imports = Object.values(outputs).flatMap((output) => output.imports);
    expect(imports.filter(({ external }) => external).map(({ path, kind }) => `${kind} ${path}`)).toEqual(
      RUNTIMES.map((path) => `dynamic-import ${path}`),
    );
    expect(outputs).toHaveProperty(["bundle/stdin.js", "entryPoint"]);
    expect(loadedAtOnce(outputs, "bundle/stdin.js")).toBeLessThan(MOST_BYTES);
    // The tokenizer of GPT-2, its vocabulary, the library for those of others, and the runtimes.
    expect(imports.filter(({ kind }) => kind === "dynamic-import").length).toBe(3 + RUNTIMES.length);
  });
});

describe("the infini command", () => {
  it("loads the parser of options and nothing else before it knows which command is asked for", async () => {
    const { metafile } = await build({
      entryPoints: ["src/cli/main.ts"],
      bundle: true,
      splitting: true,
      packages: "external",
      outdir: "bundle",
      write: false,
      metafile: true,
      format: "esm",
      platform: "node",
      logLevel: "silent",
    });
    const imports = metafile.outputs["bundle/main.js"]?.imports ?? [];
    const atOnce = imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path);
    expect(atOnce.filter((path) => !isHelper(metafile, path)).toSorted()).toEqual(["commander", "node:module"]);
    expect(imports.filter(({ kind }) => kind === "dynamic-import").length).toBe(
      Object.keys(metafile.inputs).filter((file) => file.startsWith("src/cli/commands/")).length,
    );
  });
});

// --- internal ---

/** Whether a file of the bundle holds helpers of the bundler alone. */
function isHelper({ outputs }: Metafile, file: string): boolean {
  return outputs[file] !== undefined && Object.keys(outputs[file].inputs).length === 0;
}

/** Bytes of a file and of all that it imports, but for what it imports later. */
function loadedAtOnce(outputs: Metafile["outputs"], file: string): number {
  const files = new Set([file]);
  for (const name of files) {
    const imports = outputs[name]?.imports.filter(({ kind }) => kind === "import-statement") ?? [];
    for (const { path } of imports) files.add(path);
  }
  return [...files].reduce((sum, name) => sum + (outputs[name]?.bytes ?? 0), 0);
}
