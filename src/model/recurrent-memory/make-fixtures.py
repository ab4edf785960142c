"""Writes fixtures.json: a Recurrent Memory Transformer (arXiv 2207.06881, section 3, the form for decoders) around the
LlamaModel of transformers, whose layers are ours, and gradients by torch.autograd. Run with: python make-fixtures.py
(torch 2.13.0, transformers 5, Python 3.11)"""

import json
import math
import pathlib

import torch
import transformers

torch.set_default_dtype(torch.float64)

OURS_TO_LLAMA = {
    "attentionNorm": "input_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feedForwardNorm": "post_attention_layernorm",
    "feedForward.gate": "mlp.gate_proj",
    "feedForward.up": "mlp.up_proj",
    "feedForward.down": "mlp.down_proj",
}


def wave(shape, seed, amplitude):
    """Numbers that any language computes alike."""
    values = [math.sin(1.7 * seed + 2.3 * i + 0.11 * i * i) for i in range(math.prod(shape))]
    return amplitude * torch.tensor(values).reshape(shape)


class Rotary(torch.nn.Module):
    """Llama's angles in double precision; transformers computes them in single, whatever the weights are."""

    def __init__(self, config):
        super().__init__()
        self.rates = config["ropeBase"] ** (-torch.arange(0, config["headDim"], 2) / config["headDim"])

    def forward(self, x, position_ids):
        angles = (position_ids[..., None] * self.rates).repeat(1, 1, 2)
        return angles.cos(), angles.sin()


def norm(self, x):
    return torch.nn.functional.rms_norm(x, x.shape[-1:], self.weight, self.variance_epsilon)  # Llama's own is in single precision


def llama(config):
    transformers.models.llama.modeling_llama.LlamaRMSNorm.forward = norm
    model = transformers.LlamaModel(
        transformers.LlamaConfig(
            vocab_size=3,
            hidden_size=config["modelDim"],
            intermediate_size=config["feedForwardDim"],
            num_hidden_layers=config["numLayers"],
            num_attention_heads=config["numHeads"],
            num_key_value_heads=config["numKeyValueHeads"],
            head_dim=config["headDim"],
            rms_norm_eps=config["normEpsilon"],
            rope_parameters={"rope_type": "default", "rope_theta": config["ropeBase"]},
            attn_implementation="sdpa",
        )
    ).double()
    model.rotary_emb = Rotary(config)
    return model


def parameters(model, config):
    """The weights by our names."""
    named = dict(model.named_parameters())
    for layer in range(config["numLayers"]):
        for ours, theirs in OURS_TO_LLAMA.items():
            yield f"blocks.{layer}.{ours}", named[f"layers.{layer}.{theirs}.weight"]
    yield "finalNorm", named["norm.weight"]


def read(model, memory, x, config):
    p, N = config["memoryTokens"], config["segmentLength"]
    held = memory.expand(x.shape[0], -1, -1)
    ys = []
    for segment in x.split(N, 1):
        hidden = model(inputs_embeds=torch.cat([held, segment, held], 1)).last_hidden_state
        ys.append(hidden[:, p : p + N])
        held = hidden[:, p + N :]
    return torch.cat(ys, 1)


def main():
    config = dict(modelDim=8, numLayers=2, numHeads=4, numKeyValueHeads=2, headDim=4, feedForwardDim=5, segmentLength=4, memoryTokens=2, ropeBase=100, normEpsilon=1e-5)
    model = llama(config)
    weights = dict(parameters(model, config))
    with torch.no_grad():
        for seed, weight in enumerate(weights.values()):
            weight.copy_(wave(weight.shape[::-1], seed, 0.9).T if weight.dim() == 2 else wave(weight.shape, seed, 0.9))
    memory = wave([config["memoryTokens"], config["modelDim"]], len(weights), 0.9).requires_grad_()
    x = wave([1, 2 * config["segmentLength"], config["modelDim"]], 10, 1.5).requires_grad_()
    y = read(model, memory, x, config)
    (y * wave(y.shape, 11, 1)).sum().backward()
    rounded = lambda values: [float(f"{value:.8g}") for value in values.flatten().tolist()]
    gradients = {name: rounded(weight.grad) for name, weight in weights.items()}
    fixtures = dict(
        made=f"by make-fixtures.py with torch {torch.__version__} and transformers {transformers.__version__}",
        config=config,
        y=rounded(y),
        gradients={**gradients, "memory": rounded(memory.grad), "x": rounded(x.grad)},
    )
    pathlib.Path(__file__).with_name("fixtures.json").write_text(json.dumps(fixtures) + "\n")


main()
