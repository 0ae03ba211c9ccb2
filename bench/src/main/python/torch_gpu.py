"""PyTorch's side of `bench gpu`: times one operation, or a whole model's answer, on the GPU, on request.

Speaks the protocol of torch_side.py. An operation is run `repeats` times in one CUDA graph, and a time is one run's:

    {"op": "attention", "tokens": 636, "heads": 32, "size": 128, "repeats": 100}
    {"op": "linear", "tokens": 636, "inputs": 4096, "outputs": 4096, "repeats": 100}
    {"op": "swiglu", "tokens": 636, "inputs": 4096, "outputs": 11008, "repeats": 100}
        prepares an operation on fresh random bfloat16 data            -> {"ready": true}
    {"op": "model", "way": "compiled", "model": FOLDER, "dtype": "bfloat16", "ids": [1, ...], "picture": [672, 672],
     "pixels": [5, 3, 336, 336], "data": FILE, "tokens": 128, "output": FILE}
        prepares a LLaVA on float32 pixel values and a prompt that has the image token as often as the picture, of that
        height and width, has tokens; answers it once, greedily and past any stop token, and writes the first token's
        logits as float32 to the file "output"         -> {"doing": "loading the model"}, more of these as it goes on,
                                                          {"tokens": [17, ...], "said": "8 pieces compiled, ..."}
    {"op": "time"}
        runs what was prepared                                         -> {"millis": 0.0312}

A model has four times: from pixels in host memory to the picture's embeddings; from ids in host memory to the first
token; each further token, the mean; and, in a run of its own that waits once, at its end, from pixels to all tokens.
"""

import argparse
import json
import sys
from importlib.metadata import PackageNotFoundError, version

from torch_answer import Answer, graph


def attention(torch, request: dict):
    shape = (1, request["heads"], request["tokens"], request["size"])
    q, k, v = (torch.rand(shape, device="cuda", dtype=torch.bfloat16) * 2 - 1 for _ in range(3))
    return lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def activations(torch, request: dict):
    return torch.rand(request["tokens"], request["inputs"], device="cuda", dtype=torch.bfloat16) * 2 - 1


def weight(torch, request: dict):
    bound = (3 / request["inputs"]) ** 0.5
    numbers = torch.rand(request["outputs"], request["inputs"], device="cuda", dtype=torch.bfloat16)
    return (numbers * 2 - 1) * bound


def linear(torch, request: dict):
    x, w = activations(torch, request), weight(torch, request)
    return lambda: torch.nn.functional.linear(x, w)


def swiglu(torch, request: dict):
    x, gate, up = activations(torch, request), weight(torch, request), weight(torch, request)
    functional = torch.nn.functional
    return lambda: functional.silu(functional.linear(x, gate)) * functional.linear(x, up)


OPERATIONS = {"attention": attention, "linear": linear, "swiglu": swiglu}


class Operation:
    """One operation, many times in a graph."""

    def __init__(self, torch, request: dict):
        self.repeats = request["repeats"]
        run = OPERATIONS[request["op"]](torch, request)

        def all_repeats():
            for _ in range(self.repeats):
                run()

        self.graph = graph(torch, all_repeats)
        self.begin, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def prepared(self) -> dict:
        return {"ready": True}

    def millis(self) -> float:
        self.begin.record()
        self.graph.replay()
        self.end.record()
        self.end.synchronize()
        return self.begin.elapsed_time(self.end) / self.repeats


def model(torch, request: dict, device: str) -> Answer:
    answer = Answer(torch, request, device, lambda what: say({"doing": what}))
    answer.first_logits.float().cpu().numpy().tofile(request["output"])
    return answer


def serve(torch, device: str):
    prepared = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["op"] == "time":
                say({"millis": prepared.millis()})
            else:
                prepared = None  # The data of what was prepared before makes room first.
                whole = request["op"] == "model"
                prepared = model(torch, request, device) if whole else Operation(torch, request)
                say(prepared.prepared())
        except Exception as e:
            say({"error": f"{type(e).__name__}: {e}".splitlines()[0]})


def transformers() -> dict:
    """Its version, without importing it; operations alone do without."""
    try:
        return {"transformers": version("transformers")}
    except PackageNotFoundError:
        return {}


def say(answer: dict):
    print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", default="cuda", help="cpu runs whole models only, and records nothing")
    options = parser.parse_args()
    try:
        import torch
    except ImportError as e:
        say({"error": f"can't import {e.name}"})
        return 1
    gpu = options.device == "cuda"
    if gpu and not torch.cuda.is_available():
        say({"error": "has a torch that sees no GPU"})
        return 1
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    named = torch.cuda.get_device_name() if gpu else "none, " + options.device
    say({"torch": torch.__version__, **transformers(), "gpu": named, "threads": torch.get_num_threads()})
    with torch.inference_mode():
        serve(torch, options.device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
