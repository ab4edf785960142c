#!/usr/bin/env python3
"""The PyTorch peer of the benchmarks: same model, weights and tokens, for training, reading or decoding.

A server on stdin and stdout, so that a driver can alternate runs with another peer: after a warm-up (with compilation)
it prints one JSON line with "ready" and what it computed, to be compared; then it answers each line `run K` with the
time of K steps of training, K prompts read or K tokens decoded, until `quit` or end of input. See ../README.md.
"""

import argparse
import ctypes
import json
import os
import sys
import time

WARM_UP_STEPS = 3
COMPARED_LOGITS = 8
BETAS = (0.9, 0.95)
ADAM_EPSILON = 1e-8
WEIGHT_DECAY = 0.1
GATE_RATE_FACTOR = 10.0
MAX_GRADIENT_NORM = 1.0


def positive_int(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(description="PyTorch peer of the benchmarks (see ../README.md)")
    parser.add_argument("--task", choices=("training", "prefill", "decode"), required=True)
    parser.add_argument("--weights", required=True, help="weights, .safetensors, float32")
    parser.add_argument("--config", required=True, help="model and optimizer settings, .json")
    parser.add_argument("--tokens", required=True,
                        help="little-endian int32 of shape [batch, length]; for training a segment's multiple plus 1")
    parser.add_argument("--batch", type=positive_int, required=True)
    parser.add_argument("--mode", choices=("eager", "compile"), required=True)
    parser.add_argument("--threads", type=positive_int, required=True)
    parser.add_argument("--attention", choices=("sdpa", "plain"), default="sdpa",
                        help="local attention of sequences: scaled_dot_product_attention, or matmul and softmax")
    parser.add_argument("--optimizer", choices=("fused", "foreach"), default="fused")
    parser.add_argument("--allocator", choices=("keep", "default"), default="keep",
                        help="keep: glibc holds on to freed memory instead of returning it every step")
    return parser.parse_args()


def keep_freed_memory():
    """Stops glibc from unmapping large buffers when freed, which would fault them in every step."""
    trim_threshold, mmap_max = -1, -4
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
    except (OSError, AttributeError):
        pass  # Not glibc: its own behaviour stands.


arguments = parse_arguments()
# These have to precede the first use of torch's thread pool and of its allocator.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(arguments.threads)
if arguments.allocator == "keep":
    keep_freed_memory()

try:
    import torch
    from torch_model import InputError, Model, read_config, read_safetensors, read_tokens
except ImportError as error:
    sys.exit(f"torch_peer.py: {error}. Install torch and numpy first: see ../README.md")


def make_optimizer(model, rate, kind):
    gates = [p for name, p in model.named_parameters() if name.endswith("attention.gate")]
    norms = [p for name, p in model.named_parameters() if name.endswith("norm")]
    matrices = [p for p in model.parameters() if p.dim() == 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY},
              {"params": norms, "weight_decay": 0.0},
              {"params": gates, "weight_decay": 0.0, "lr": GATE_RATE_FACTOR * rate}]
    return torch.optim.AdamW(groups, lr=rate, betas=BETAS, eps=ADAM_EPSILON, **{kind: True})


def compiled(function, options):
    return torch.compile(function, dynamic=False, fullgraph=True) if options.mode == "compile" else function


def training(model, tokens, config, options):
    """Steps of training, and the losses of the first ones."""
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    optimizer = make_optimizer(model, config["learningRate"], options.optimizer)
    parameters = list(model.parameters())
    loss_of = compiled(model, options)

    def step():
        loss = loss_of(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step, [step() for _ in range(WARM_UP_STEPS)], inputs.numel()


def prefill(model, tokens, config, options):
    """Prompts read whole, and the logits of what comes next."""
    read = compiled(model.last_logits, options)
    for _ in range(WARM_UP_STEPS):
        logits = read(tokens)
    return lambda: read(tokens), logits[0, :COMPARED_LOGITS].tolist(), tokens.numel()


def decode(model, tokens, config, options):
    """Tokens decoded after all tokens but the last few were read, and the logits after the last."""
    batch, length = tokens.shape
    segment, caches = config["segmentLength"], model.empty_caches(batch)
    step_of = compiled(model.step, options)
    position = 0

    def step():
        nonlocal position
        token = tokens[:, position % length].unsqueeze(1)
        past = torch.tensor(float(position >= segment))
        logits = step_of(token, caches, torch.tensor([position % segment]), past)
        position += 1
        if position % segment == 0:
            model.commit(caches)
        return logits

    for _ in range(length):
        logits = step()
    return step, logits[0, :COMPARED_LOGITS].tolist(), batch


TASKS = {"training": training, "prefill": prefill, "decode": decode}


def make_work(options):
    """The model from the files, and the work that the task has with it."""
    config = read_config(options.config)
    tokens = read_tokens(options.tokens, options.batch, config["vocabularySize"])
    length = tokens.shape[1] - (options.task == "training")
    if options.task != "decode" and (length < 1 or length % config["segmentLength"]):
        raise InputError(f"{options.tokens}: {length} tokens a lane are not a multiple of the segment length")
    model = Model(read_safetensors(options.weights), config, options.attention == "plain")
    return TASKS[options.task](model, tokens, config, options)


def serve(reply, options):
    step, computed, tokens_per_step = make_work(options)
    reply({"ready": True, "torch": torch.__version__.split("+")[0], "mode": options.mode,
           "threads": torch.get_num_threads(), "computed": computed})
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            break
        if len(words) != 2 or words[0] != "run" or not words[1].isdecimal() or int(words[1]) < 1:
            reply({"error": f"expected `run K` or `quit`, not {line.strip()!r}"})
            continue
        start = time.perf_counter()
        for _ in range(int(words[1])):
            step()
        reply({"seconds": time.perf_counter() - start, "tokens": int(words[1]) * tokens_per_step})


def main():
    # Only JSON lines may reach stdout: whatever a compiler or a library prints goes to stderr.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(message):
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    torch.set_num_threads(arguments.threads)
    with torch.inference_mode(arguments.task != "training"):
        serve(reply, arguments)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"torch_peer.py: {error}")
