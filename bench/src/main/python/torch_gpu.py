"""PyTorch's side of `bench gpu`: times one operation at a time on the GPU, on request.

Speaks the protocol of torch_side.py; an operation is run `repeats` times in one CUDA graph, and a time is one run's:

    {"op": "attention", "tokens": 636, "heads": 32, "size": 128, "repeats": 100}
    {"op": "linear", "tokens": 636, "inputs": 4096, "outputs": 4096, "repeats": 100}
    {"op": "swiglu", "tokens": 636, "inputs": 4096, "outputs": 11008, "repeats": 100}
        prepares an operation on fresh random bfloat16 data            -> {"ready": true}
    {"op": "time"}
        runs it                                                        -> {"millis": 0.0312}
"""

import argparse
import json
import sys

WARM_UP = 3


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


def recorded(torch, run, repeats: int):
    """A function that runs all repeats and returns one run's milliseconds."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            run()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeats):
            run()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def millis() -> float:
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / repeats

    return millis


def serve(torch):
    millis = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["op"] == "time":
                say({"millis": millis()})
            else:
                millis = None  # The data of the operation before makes room first.
                millis = recorded(torch, OPERATIONS[request["op"]](torch, request), request["repeats"])
                say({"ready": True})
        except Exception as e:
            say({"error": f"{type(e).__name__}: {e}".splitlines()[0]})


def say(answer: dict):
    print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    try:
        import torch
    except ImportError as e:
        say({"error": f"can't import {e.name}"})
        return 1
    if not torch.cuda.is_available():
        say({"error": "has a torch that sees no GPU"})
        return 1
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    say({"torch": torch.__version__, "gpu": torch.cuda.get_device_name(), "threads": torch.get_num_threads()})
    with torch.inference_mode():
        serve(torch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
