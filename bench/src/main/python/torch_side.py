"""The PyTorch side of a comparison: runs and times one operation at a time, on request.

Reads one JSON object a line on stdin and answers each with one on stdout:

    {"op": "linear", "tokens": 636, "inputs": 4096, "outputs": 11008, "weights": 1, "dtype": "bfloat16", "data": FILE}
        activations, then weights, in the dtype                        -> {"output": "bfloat16"}
    {"op": "layer", "model": FOLDER, "tokens": 636, "dtype": "float32", "data": FILE}
        the first decoder layer of a checkpoint on float32 hidden states -> {"output": "float32"}
    {"op": "model", "model": FOLDER, "ids": [1, ...], "pixels": [3, 336, 336], "tokens": 8, "dtype": ..., "data": FILE}
        a whole LLaVA on float32 pixel values                          -> {"output": ..., "tokens": [17, ...]}
    {"op": "train", "model": FOLDER, ...}
        a training step, as torch_training.py has it                   -> {"output": "float32"}
    {"op": "decoder", "model": FOLDER, "ids": [1, ...], "tokens": 8, "dtype": ..., "mapped": false}
        the same without an image; PyTorch has weights in memory always -> {"output": ..., "tokens": [17, ...]}
    {"op": "time"}
        runs the prepared operation once                               -> {"millis": [412.7]}

The others prepare an operation, run it once and write its output as float32 to the file that the request names as
"output": a linear layer's products with each weight, a layer's hidden states, the logits of a model's first token, the
loss before a training step.
Their answer says which type the output was rounded to. A linear layer goes through all of its weights once, so that
none is in a cache when its turn comes again. A model has three times: to the first token, the further ones, and once
more to the first token, by transformers' own way with logits_to_keep=1.

Before the first request it says what it is: {"torch": ..., "transformers": ..., "threads": ...}; anything that fails
is answered with {"error": ...}.
"""

import argparse
import json
import math
import mmap
import sys
import time
from pathlib import Path


def mapped(file: str, dtype, offset: int, *shape: int):
    """Numbers of a file where they lie in it."""
    import torch

    with open(file, "rb") as opened:
        content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    return torch.frombuffer(content, dtype=dtype, count=math.prod(shape), offset=offset).reshape(shape)


def millis(run) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


class Linear:
    def __init__(self, request: dict):
        import torch

        dtype = getattr(torch, request["dtype"])
        tokens, inputs, outputs = request["tokens"], request["inputs"], request["outputs"]
        self.x = mapped(request["data"], dtype, 0, tokens, inputs)
        begin = tokens * inputs * dtype.itemsize
        size = outputs * inputs * dtype.itemsize
        self.weights = [
            mapped(request["data"], dtype, begin + i * size, outputs, inputs) for i in range(request["weights"])
        ]

    def run(self) -> list[float]:
        from torch.nn.functional import linear

        def all_weights():
            for weight in self.weights:
                linear(self.x, weight)

        return [millis(all_weights)]

    def output(self):
        import torch
        from torch.nn.functional import linear

        return torch.stack([linear(self.x, weight) for weight in self.weights]), {}


class Layer:
    def __init__(self, request: dict):
        import torch
        from transformers import AutoConfig
        from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

        dtype = getattr(torch, request["dtype"])
        config = AutoConfig.from_pretrained(request["model"]).text_config
        config._attn_implementation = "sdpa"
        self.module = LlamaDecoderLayer(config, layer_idx=0).to(dtype).eval()
        self.module.load_state_dict(first_layer(Path(request["model"]), dtype))
        x = mapped(request["data"], torch.float32, 0, 1, request["tokens"], config.hidden_size)
        self.x = x.to(dtype)
        self.positions = torch.arange(request["tokens"])[None]
        self.turns = LlamaRotaryEmbedding(config)(self.x, self.positions)

    def hidden(self):
        # Without a mask, scaled_dot_product_attention runs causally.
        return self.module(
            self.x, attention_mask=None, position_ids=self.positions, position_embeddings=self.turns
        )

    def run(self) -> list[float]:
        return [millis(self.hidden)]

    def output(self):
        return self.hidden(), {}


def first_layer(folder: Path, dtype) -> dict:
    """The weights of a checkpoint's first decoder layer, by their names inside it."""
    from safetensors import safe_open

    prefix = "language_model.model.layers.0."
    weights = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():
                if name.startswith(prefix):
                    weights[name.removeprefix(prefix)] = tensors.get_tensor(name).to(dtype)
    return weights


class Model:
    def __init__(self, request: dict):
        import torch
        from transformers import LlavaForConditionalGeneration

        self.module = LlavaForConditionalGeneration.from_pretrained(
            request["model"], dtype=getattr(torch, request["dtype"]), attn_implementation="sdpa"
        ).eval()
        self.ids = torch.tensor([request["ids"]])
        self.pixels = None
        if "pixels" in request:
            self.pixels = mapped(request["data"], torch.float32, 0, 1, *request["pixels"])
        self.tokens = request["tokens"]

    def answer(self):
        """Greedily, by the model's own forward passes: less overhead than generate() has."""
        start = time.perf_counter()
        out = self.module.model(input_ids=self.ids, pixel_values=self.pixels, use_cache=True)
        # The last row alone, as a tensor of its own: given logits_to_keep=1, the forward pass hands the head a slice,
        # for which PyTorch first copies the whole head in bfloat16.
        first = self.module.lm_head(out.last_hidden_state[0, -1:].clone())[0]
        tokens = [int(first.argmax())]
        begun = time.perf_counter()
        while len(tokens) < self.tokens:
            token = self.ids.new_tensor([[tokens[-1]]])
            out = self.module(
                input_ids=token, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1
            )
            tokens.append(int(out.logits[0, -1].argmax()))
        ended = time.perf_counter()
        return [(begun - start) * 1e3, (ended - begun) * 1e3], first, tokens

    def sliced(self):
        """To the first token as users of transformers get there."""
        out = self.module(input_ids=self.ids, pixel_values=self.pixels, use_cache=True, logits_to_keep=1)
        return int(out.logits[0, -1].argmax())

    def run(self) -> list[float]:
        return [*self.answer()[0], millis(self.sliced)]

    def output(self):
        _, logits, tokens = self.answer()
        return logits, {"tokens": tokens}


def training(request: dict):
    import torch
    from torch_training import Training

    return Training(torch, request, mapped(request["data"], torch.float32, 0, *request["pixels"]))


OPERATIONS = {"linear": Linear, "layer": Layer, "model": Model, "decoder": Model, "train": training}


def serve():
    prepared = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["op"] == "time":
                say({"millis": prepared.run()})
            else:
                prepared = None  # The data of the operation before makes room first.
                prepared = OPERATIONS[request["op"]](request)
                output, said = prepared.output()
                output.float().numpy().tofile(request["output"])
                say({"output": str(output.dtype).removeprefix("torch."), **said})
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
        import transformers
    except ImportError as e:
        say({"error": f"can't import {e.name}"})
        return 1
    torch.set_num_threads(options.threads)
    transformers.utils.logging.disable_progress_bar()
    say({"torch": torch.__version__, "transformers": transformers.__version__, "threads": torch.get_num_threads()})
    with torch.inference_mode():
        serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
