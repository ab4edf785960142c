import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { countSource } from "./source-counts.ts";

it("counts files, lines and casts, without tests, constants and names", async () => {
  const folder = await mkdtemp(join(tmpdir(), "infini-source-"));
  await mkdir(join(folder, "below"));
  await writeFile(join(folder, "a.ts"), "import * as b from './b.ts';\nconst c = b as number; // as said\n");
  await writeFile(join(folder, "below", "b.ts"), 'const d = [1] as const;\nconst e = "x as y";\nexport { d as f };\n');
  await writeFile(join(folder, "a.test.ts"), "const g = 1 as number;\n");
  expect(await countSource([folder, join(folder, "none")])).toEqual({ files: 2, lines: 5, casts: 1 });
  await rm(folder, { recursive: true });
});
