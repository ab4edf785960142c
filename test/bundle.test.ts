import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };

const BROWSER_PATHS = Object.keys(manifest.exports).filter((path) => !["./node", "./package.json"].includes(path));
/** Of all sub-paths together, minified. Raise it only with what needs the room. */
const MOST_BYTES = 700_000;

describe("everything but infini-transformer/node", () => {
  it("bundles for the browser, without a module of Node and in little room", async () => {
    const contents = BROWSER_PATHS.map(
      (path, i) => `export * as part${i} from "infini-transformer${path.slice(1)}";`,
    ).join("\n");
    const { outputFiles, metafile } = await build({
      stdin: { contents, resolveDir: "." },
      bundle: true,
      minify: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "browser",
      logLevel: "silent",
    });
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
    expect(imports).toEqual([]);
    expect(outputFiles[0]?.contents.byteLength).toBeLessThan(MOST_BYTES);
  });
});
