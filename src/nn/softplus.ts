import { add, exp, log, max, neg } from "../graph/builder.ts";
import type { Tensor } from "../graph/tensor.ts";

/** log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)), which never overflows. */
export function softplus(x: Tensor): Tensor {
  const size = max(x, neg(x));
  return add(max(x, 0), log(add(exp(neg(size)), 1)));
}

/** The x whose softplus is y, for y > 0; on numbers, for initial weights. */
export function inverseSoftplus(y: number): number {
  return y + Math.log(-Math.expm1(-y));
}
