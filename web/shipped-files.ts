import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** Files from elsewhere that the application fetches: served in development, copied by the build. */
export function shippedFiles(files: Readonly<Record<string, string>>): Plugin {
  return {
    name: "shipped-files",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const file = files[(request.url ?? "").split("?")[0]?.slice(1) ?? ""];
        if (file === undefined) next();
        else response.end(readFileSync(file));
      });
    },
    generateBundle() {
      for (const [fileName, file] of Object.entries(files))
        this.emitFile({ type: "asset", fileName, source: readFileSync(file) });
    },
  };
}
