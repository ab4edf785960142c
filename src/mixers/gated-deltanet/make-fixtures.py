"""Records in fixtures.json what the Gated DeltaNet layer of transformers (that of Qwen3-Next) gives for random weights, on
the CPU, after checking that its rule gives what the recurrent one of flash-linear-attention does.

Made with torch 2.13.0, transformers 5.18.0 and fla-core 0.5.2: python make-fixtures.py
"""

import importlib.metadata
import importlib.util
import json
from pathlib import Path

import torch
import transformers
from transformers import DynamicCache, Qwen3NextConfig
from transformers.models.qwen3_next import modeling_qwen3_next as qwen

D, H, SIZE, N, EPSILON = 6, 2, 4, 4, 1e-5
TOKENS = 2 * N + 3


def naive_fla():
    """The file by itself: its package needs a GPU."""
    package = importlib.metadata.distribution("fla-core")
    path = package.locate_file("fla/ops/gated_delta_rule/naive.py")
    spec = importlib.util.spec_from_file_location("naive_fla", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.naive_recurrent_gated_delta_rule


def by_fla(query, key, value, g, beta, **_):
    calls.append(g)
    unit = lambda x: x / torch.sqrt((x * x).sum(-1, keepdim=True) + 1e-6)
    return rule(unit(query), unit(key), value, beta, g, output_final_state=True)


def numbers(tensor):
    return {"shape": list(tensor.shape), "data": [float(f"{x:.7g}") for x in tensor.detach().flatten().tolist()]}


torch.manual_seed(0)
rule, calls = naive_fla(), []
config = Qwen3NextConfig(
    hidden_size=D, linear_num_key_heads=H, linear_num_value_heads=H, linear_key_head_dim=SIZE, linear_value_head_dim=SIZE,
    linear_conv_kernel_dim=4, rms_norm_eps=EPSILON, num_hidden_layers=1, layer_types=["linear_attention"],
)  # fmt: skip
layer = qwen.Qwen3NextGatedDeltaNet(config, 0).eval()
with torch.no_grad():
    for parameter in layer.parameters():
        parameter.copy_((torch.randn_like(parameter) * 0.6).mul(1e4).round().div(1e4))
    x = torch.randn(2, TOKENS, D).mul(1e4).round().div(1e4)
    cache = DynamicCache(config=config)
    y = layer(x, cache_params=cache)
    memory = cache.layers[0].recurrent_states[0]  # [B, H, keys, values]
    qwen.torch_chunk_gated_delta_rule = by_fla
    cache = DynamicCache(config=config)
    torch.testing.assert_close(layer(x, cache_params=cache), y, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(cache.layers[0].recurrent_states[0], memory, atol=1e-6, rtol=1e-5)
    assert len(calls) == 1

qkvz = layer.in_proj_qkvz.weight.reshape(H, 4, SIZE, D)  # each key head has its q, k, v and z
query, key, value, gate = (qkvz[:, i].reshape(H * SIZE, D) for i in range(4))
write, forget = (layer.in_proj_ba.weight.reshape(H, 2, D)[:, i] for i in range(2))
params = {
    "query": query, "key": key, "value": value,
    "convolution.taps": layer.conv1d.weight.squeeze(1).flip(1).T,  # the token itself first
    "write": write, "forget": forget, "forgetBias": layer.dt_bias, "logRate": layer.A_log,
    "outputGate": gate, "norm": layer.norm.weight, "output": layer.out_proj.weight,
}  # fmt: skip
fixtures = {
    "from": f"transformers {transformers.__version__}, torch {torch.__version__}: Qwen3NextGatedDeltaNet",
    "config": {"modelDim": D, "numHeads": H, "headDim": SIZE, "segmentLength": N, "normEpsilon": EPSILON},
    "params": {name: numbers(tensor) for name, tensor in params.items()},
    "x": numbers(x), "y": numbers(y), "memory": numbers(memory),
}  # fmt: skip
Path(__file__).with_name("fixtures.json").write_text(json.dumps(fixtures) + "\n")
