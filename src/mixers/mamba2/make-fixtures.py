"""Records in fixtures.json what the Mamba-2 layer of transformers gives for random weights, on the CPU.

Made with torch 2.13.0 and transformers 5.18.0: python make-fixtures.py
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import DynamicCache, Mamba2Config
from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

D, EXPAND, P, STATE, N, EPSILON = 6, 2, 4, 5, 4, 1e-5
INNER = EXPAND * D
TOKENS = 2 * N + 3


def numbers(tensor):
    return {"shape": list(tensor.shape), "data": [float(f"{x:.7g}") for x in tensor.detach().flatten().tolist()]}


torch.manual_seed(0)
config = Mamba2Config(
    hidden_size=D, expand=EXPAND, head_dim=P, num_heads=INNER // P, state_size=STATE, n_groups=1,
    chunk_size=N, use_bias=False, use_conv_bias=True, layer_norm_epsilon=EPSILON, num_hidden_layers=1,
)  # fmt: skip
layer = Mamba2Mixer(config, 0).eval()
with torch.no_grad():
    for parameter in layer.parameters():
        parameter.copy_((torch.randn_like(parameter) * 0.6).mul(1e4).round().div(1e4))
    x = torch.randn(2, TOKENS, D).mul(1e4).round().div(1e4)
    y = layer(x)
    cache = DynamicCache(config=config)
    assert torch.equal(layer(x, cache_params=cache), y)
    memory = cache.layers[0].recurrent_states[0]  # [B, H, P, n]

gate, value, key, query, step = layer.in_proj.weight.split([INNER, INNER, STATE, STATE, INNER // P], dim=0)
fixtures = {
    "from": f"transformers {transformers.__version__}, torch {torch.__version__}: Mamba2Mixer",
    "config": {
        "modelDim": D, "expand": EXPAND, "headDim": P, "stateDim": STATE, "segmentLength": N, "normEpsilon": EPSILON,
    },
    "params": {
        "value": value, "key": key, "query": query, "outputGate": gate, "step": step, "stepBias": layer.dt_bias,
        "convolution.taps": layer.conv1d.weight.squeeze(1).flip(1).T,  # the token itself first
        "convolution.bias": layer.conv1d.bias,
        "logRate": layer.A_log, "skip": layer.D, "norm": layer.norm.weight, "output": layer.out_proj.weight,
    },
    "x": x, "y": y, "memory": memory.transpose(-1, -2),
}  # fmt: skip
fixtures = {
    name: {inner: numbers(tensor) for inner, tensor in value.items()} if name == "params"
    else numbers(value) if isinstance(value, torch.Tensor) else value
    for name, value in fixtures.items()
}  # fmt: skip
Path(__file__).with_name("fixtures.json").write_text(json.dumps(fixtures) + "\n")
