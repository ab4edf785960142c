import { input, matmul } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { filled } from "../tensor/host-tensor.ts";
import type { Engine } from "./engine.ts";

const SIZE = 1024;

/** Floating-point operations per second of a 1,024-cubed matrix product on this engine: the best of several runs. */
export async function measureGemmRate(engine: Engine, runs = 8): Promise<number> {
  const shape = [SIZE, SIZE];
  const program = await engine.compile(createGraph({ c: matmul(input("a", shape), input("b", shape)) }));
  const feeds = { a: filled(shape, 0.5), b: filled(shape, 0.25) };
  const into = { c: filled(shape, 0) };
  let best = Infinity;
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    await program.run(feeds, into);
    best = Math.min(best, performance.now() - started);
  }
  await program.dispose();
  return (2 * SIZE ** 3) / (best / 1000);
}
