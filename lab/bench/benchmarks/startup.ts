import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { secondsOf, type Benchmark, type Contestant, type Setup } from "../lib/measure.ts";
import { time } from "../lib/quantities.ts";
import { REPOSITORY } from "../lib/shipped-model.ts";

/** How long a process takes to produce its first result. */
export const startup: Benchmark = {
  name: "startup",
  about:
    "Whole processes, from start to end, on the built package: `infini --help`, a command's help, and a program that loads the shipped model and gives one token. They are compared with an empty Node program, which is part of each, and with `import torch`.",
  contests: (setup) => [
    { title: "A process from start to end", quantities: { time: time("time") }, contestants: () => contestants(setup) },
  ],
};

// --- internal ---

const FIRST_TOKEN = `
import { createSession, encodeText } from "infini-transformer";
import { createNodeEngine, loadModelFolder } from "infini-transformer/node";
const session = createSession({ loaded: await loadModelFolder("models/passkey"), engine: await createNodeEngine() });
const logits = await session.prefill(encodeText("What is the pass key? The pass key is"));
process.stdout.write(String(logits.indexOf(Math.max(...logits))));
`;

async function contestants({ python }: Setup): Promise<Contestant[]> {
  const [node, cli] = [process.execPath, join(REPOSITORY, "dist", "cli", "main.js")];
  const all = [
    command("first token of the shipped model", node, ["--input-type=module", "--eval", FIRST_TOKEN]),
    command("infini --help", node, [cli, "--help"]),
    command("infini generate --help", node, [cli, "generate", "--help"]),
    command("Node, doing nothing", node, ["--eval", "0"]),
    command("Python, import torch", python, ["-c", "import torch"]),
  ];
  const works = await Promise.all(all.map(async (contestant, i) => i < 4 || (await runs(contestant))));
  return all.filter((_, i) => works[i]);
}

function command(name: string, file: string, options: readonly string[]): Contestant {
  const run = promisify(execFile);
  return { name, measure: async () => ({ time: await secondsOf(() => run(file, options, { cwd: REPOSITORY })) }) };
}

async function runs({ measure }: Contestant): Promise<boolean> {
  return measure().then(
    () => true,
    () => false,
  );
}
