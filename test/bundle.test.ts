import { build, type Metafile } from "esbuild";
import { describe, expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };

const BROWSER_PATHS = Object.keys(manifest.exports).filter((path) => !["./node", "./package.json"].includes(path));
/** An optional peer, imported when an engine is asked for. */
const RUNTIMES = ["onnxruntime-web/wasm", "onnxruntime-web/webgpu"];
/** Of all sub-paths together, minified, without what is loaded when it is asked for. Raise it only with what needs the room. */
const MOST_BYTES = 780_000;

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
    const atOnce = [...filesAtOnce(metafile.outputs, "bundle/main.js")].flatMap(
      (file) => metafile.outputs[file]?.imports.filter(isStatic) ?? [],
    );
    const packages = atOnce.filter(({ external }) => external).map(({ path }) => path);
    expect([...new Set(packages)].toSorted()).toEqual(["commander", "node:module"]);
    const later = metafile.outputs["bundle/main.js"]?.imports.filter(({ kind }) => kind === "dynamic-import");
    expect(later?.length).toBe(
      Object.keys(metafile.inputs).filter((file) => file.startsWith("src/cli/commands/")).length,
    );
  });
});

// --- internal ---

const isStatic = ({ kind }: { readonly kind: string }): boolean => kind === "import-statement";

/** A file and all that it imports, but for what it imports later. */
function filesAtOnce(outputs: Metafile["outputs"], file: string): ReadonlySet<string> {
  const files = new Set([file]);
  for (const name of files) {
    for (const { path, external } of outputs[name]?.imports.filter(isStatic) ?? []) if (!external) files.add(path);
  }
  return files;
}

/** Bytes of {@link filesAtOnce}. */
function loadedAtOnce(outputs: Metafile["outputs"], file: string): number {
  return [...filesAtOnce(outputs, file)].reduce((sum, name) => sum + (outputs[name]?.bytes ?? 0), 0);
}
