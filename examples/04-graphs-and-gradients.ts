/** Fits a line with the engine alone: a graph, its gradients and plain gradient descent. */
import { gradients } from "infini-transformer/autodiff";
import { add, createGraph, input, mean, mul, square, sub } from "infini-transformer/graph";
import { floatTensor } from "infini-transformer/tensor";
import { createNodeEngine } from "infini-transformer/node";

const x = input("x", [8]);
const y = input("y", [8]);
const [slope, offset] = [input("slope", [1]), input("offset", [1])];
const loss = mean(square(sub(add(mul(slope, x), offset), y)), [0]);
const [slopeGradient, offsetGradient] = gradients(loss, [slope, offset]);
if (!slopeGradient || !offsetGradient) throw new Error("the loss depends on both");
const graph = createGraph({
  loss,
  newSlope: sub(slope, mul(slopeGradient, 0.1)),
  newOffset: sub(offset, mul(offsetGradient, 0.1)),
});

const program = await (await createNodeEngine()).compile(graph);
const xs = Float32Array.from({ length: 8 }, (_, i) => i / 4 - 1);
const data = {
  x: floatTensor([8], xs),
  y: floatTensor(
    [8],
    xs.map((value) => 3 * value - 2),
  ),
};
let parameters = { slope: floatTensor([1], new Float32Array(1)), offset: floatTensor([1], new Float32Array(1)) };
for (let step = 0; step < 300; step++) {
  const { newSlope, newOffset } = await program.run({ ...data, ...parameters });
  parameters = { slope: newSlope, offset: newOffset } as typeof parameters;
}
const [fittedSlope = 0, fittedOffset = 0] = [parameters.slope.data[0], parameters.offset.data[0]];
process.stdout.write(`y = ${fittedSlope.toFixed(3)} x + ${fittedOffset.toFixed(3)}\n`);
if (Math.hypot(fittedSlope - 3, fittedOffset + 2) > 0.01) throw new Error("the line was not found");
