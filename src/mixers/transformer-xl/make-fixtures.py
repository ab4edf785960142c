"""Writes fixtures.json: attention of Transformer-XL in PyTorch, for mixer.test.ts.

Written after section 3.3 of arXiv 1901.02860 and what RelPartialLearnableMultiHeadAttn of github.com/kimiyoung/transformer-xl
computes without norm, residual and dropout: segment after segment, memories of layer inputs, detached, that grow from
nothing to M, keys from [memory; segment], relative shift by padding. In double precision.
Made with Python 3.11 and torch 2.13.0:

    python make-fixtures.py
"""

import json
import pathlib

import torch

B, T, D, H, d, N = 2, 16, 6, 2, 4, 4
CACHES = [4, 8]


def main():
    torch.manual_seed(0)
    x = short(torch.randn(B, T, D, dtype=torch.float64))
    shapes = {name: (D, H * d) for name in ["query", "key", "value", "position"]}
    shapes |= {"contentBias": (H, d), "positionBias": (H, d), "output": (H * d, D)}
    params = {name: short(torch.randn(*shape, dtype=torch.float64) / 2) for name, shape in shapes.items()}
    cases = [case(params, x, M) for M in CACHES]
    config = {"modelDim": D, "numHeads": H, "headDim": d, "segmentLength": N}
    fixtures = {"config": config, "params": {name: values(value if "Bias" in name else value.T) for name, value in params.items()}, "x": values(x)}
    path = pathlib.Path(__file__).with_name("fixtures.json")
    path.write_text(json.dumps({**fixtures, "cases": cases}) + "\n")


def case(params, x, M):
    """Outputs, and the gradient of half the sum of their squares with respect to x."""
    x = x.clone().requires_grad_()
    memory, outputs = x[:, :0], []
    for start in range(0, T, N):
        segment = x[:, start : start + N]
        outputs.append(attend(params, segment, memory))
        memory = torch.cat([memory, segment], dim=1)[:, -M:].detach()
    y = torch.cat(outputs, dim=1)
    (y.square().sum() / 2).backward()
    return {"cacheLength": M, "y": values(y), "gradient": values(x.grad)}


def attend(params, segment, memory):
    seen = torch.cat([memory, segment], dim=1)
    heads = lambda inputs, name: (inputs @ params[name]).unflatten(-1, (H, d))
    q, k, v = heads(segment, "query"), heads(seen, "key"), heads(seen, "value")
    keys = seen.shape[1]
    r = heads(sinusoids(torch.arange(keys - 1, -1, -1)), "position")
    content = torch.einsum("bihd,bjhd->bhij", q + params["contentBias"], k)
    distance = torch.einsum("bihd,jhd->bhij", q + params["positionBias"], r)
    later = torch.ones(N, keys, dtype=torch.bool).triu(keys - N + 1)
    scores = ((content + shift(distance)) / d**0.5).masked_fill(later, -torch.inf)
    mixed = torch.einsum("bhij,bjhd->bihd", scores.softmax(dim=-1), v)
    return mixed.flatten(2) @ params["output"]


def shift(scores):
    """Column j of row i from the score of the distance between them."""
    *leading, rows, columns = scores.shape
    padded = torch.cat([scores.new_zeros(*leading, rows, 1), scores], dim=-1)
    return padded.view(*leading, columns + 1, rows)[..., 1:, :].reshape(*leading, rows, columns)


def sinusoids(distances):
    frequencies = 10000 ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    angles = distances[:, None].double() * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def short(tensor):
    """Numbers that are exact in few digits."""
    return torch.round(tensor * 64) / 64


def values(tensor):
    return {"shape": list(tensor.shape), "data": [round(value, 6) for value in tensor.flatten().tolist()]}


main()
