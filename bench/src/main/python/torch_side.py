"""The PyTorch side of a comparison: times one operation at a time, on request.

Reads one JSON object a line on stdin and answers each with one on stdout:

    {"op": "linear", "tokens": 636, "inputs": 4096, "outputs": 11008, "weights": 1, "dtype": "bfloat16"}
    {"op": "layer", "tokens": 636, "hidden": 4096, "intermediate": 11008, "heads": 32, "dtype": "float32"}
        prepares an operation on fresh random data                     -> {"ready": true}
    {"op": "time"}
        runs the prepared operation once                               -> {"millis": 412.7}

A linear operation goes through all of its weights once, so that none is in a cache when its turn comes again. Before
the first request it says what it is: {"torch": ..., "transformers": ..., "threads": ...}; anything that fails is
answered with {"error": ...}.

With --repetitions N it reads no requests, runs the comparison's operations N times each and prints their medians.
"""

import argparse
import json
import statistics
import sys
import time

SHAPES = [
    {"op": "linear", "tokens": 636, "inputs": 4096, "outputs": 11008, "weights": 1},
    {"op": "linear", "tokens": 1, "inputs": 4096, "outputs": 11008, "weights": 8},
    {"op": "layer", "tokens": 636, "hidden": 4096, "intermediate": 11008, "heads": 32},
]
WARM_UP = 2


def linear(request: dict):
    import torch

    dtype = getattr(torch, request["dtype"])
    x = torch.randn(request["tokens"], request["inputs"]).to(dtype)
    weights = [
        (torch.rand(request["outputs"], request["inputs"]) * 2 - 1).to(dtype) for _ in range(request["weights"])
    ]

    def run():
        for weight in weights:
            out = torch.nn.functional.linear(x, weight)
        return out

    return run


def layer(request: dict):
    import torch
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

    config = LlamaConfig(
        hidden_size=request["hidden"],
        intermediate_size=request["intermediate"],
        num_attention_heads=request["heads"],
        num_hidden_layers=1,
        attn_implementation="sdpa",
    )
    dtype = getattr(torch, request["dtype"])
    module = LlamaDecoderLayer(config, layer_idx=0).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 2:
                bound = (3 / parameter.shape[1]) ** 0.5
                parameter.uniform_(-bound, bound)
    module = module.to(dtype)
    x = torch.randn(1, request["tokens"], request["hidden"]).to(dtype)
    positions = torch.arange(request["tokens"])[None]
    turns = LlamaRotaryEmbedding(config)(x, positions)

    # Without a mask, scaled_dot_product_attention runs causally.
    return lambda: module(x, attention_mask=None, position_ids=positions, position_embeddings=turns)


def timed(run) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def serve():
    run = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["op"] == "time":
                say({"millis": timed(run)})
            else:
                run = None  # The data of the operation before makes room first.
                run = {"linear": linear, "layer": layer}[request["op"]](request)
                say({"ready": True})
        except Exception as e:
            say({"error": f"{type(e).__name__}: {e}".splitlines()[0]})


def run_all(repetitions: int):
    for shape in SHAPES:
        for dtype in ("bfloat16", "float32"):
            run = {"linear": linear, "layer": layer}[shape["op"]]({**shape, "dtype": dtype})
            times = [timed(run) for _ in range(WARM_UP + repetitions)][WARM_UP:]
            say(
                {
                    **shape,
                    "dtype": dtype,
                    "median": statistics.median(times),
                    "low": min(times),
                    "high": max(times),
                    "count": repetitions,
                }
            )


def say(answer: dict):
    print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repetitions", type=int, default=0)
    options = parser.parse_args()
    try:
        import torch
        import transformers
    except ImportError as e:
        say({"error": f"can't import {e.name}"})
        return 1
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    say({"torch": torch.__version__, "transformers": transformers.__version__, "threads": torch.get_num_threads()})
    with torch.inference_mode():
        if options.repetitions:
            run_all(options.repetitions)
        else:
            serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
