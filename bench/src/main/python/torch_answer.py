"""A LLaVA of transformers that answers one prompt as fast as PyTorch lets it, and how work is recorded on a GPU."""

import math
import time
from functools import partial

WARM_UP = 3

# The name of transformers' own attention for a language model that is to make no mask: a compiled prefill then takes the
# causal kernel, as the eager one does.
CAUSAL = "causal_sdpa"


def graph(torch, run):
    """A CUDA graph of what a function does, once it has run often enough to be compiled and tuned."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            run()
    stream.synchronize()
    recording = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recording):
        run()
    return recording


class Answer:
    """Vision, prefill and decode step as functions over buffers that stay where they are, so that a graph finds them.

    The way is "eager", with a cache that grows, or "compiled" or "max-autotune", with a static one: then one layer of the
    tower and one of the decoder are compiled for all of theirs, so are projector and last norm, and each part is recorded
    as a whole, with what lies between: embeddings, angles, mask, head. Without a GPU nothing is recorded. A layer that
    can't be compiled, or would be compiled again and again, is an error; none runs eagerly instead.

    It tells `doing` what it is at before it takes long.
    """

    def __init__(self, torch, request: dict, device: str, doing):
        self.torch, self.device, self.doing = torch, torch.device(device), doing
        self.further = request["tokens"] - 1
        doing("loading the model")
        self.model, self.config = self.load(request)
        self.language = self.model.model.language_model
        tiles = self.config.model_type == "llava_next"
        self.picture = torch.tensor([request["picture"]]) if tiles else None
        self.static = request["way"] != "eager"

        numbers = torch.from_file(request["data"], size=math.prod(request["pixels"]), dtype=torch.float32)
        self.host_pixels = self.pinned(numbers.reshape(request["pixels"]).clone())
        self.host_ids = self.pinned(torch.tensor([request["ids"]]))
        places = (self.host_ids[0] == self.config.image_token_id).nonzero()[:, 0]
        self.first, self.behind = int(places[0]), int(places[-1]) + 1

        self.pixels = self.host_pixels.to(self.device, self.model.dtype)
        self.ids = self.host_ids.to(self.device)
        self.crops = self.project().clone()
        self.image = self.in_order().clone()
        self.logits = torch.empty(self.config.text_config.vocab_size, device=self.device, dtype=self.model.dtype)
        self.token = torch.zeros(1, 1, device=self.device, dtype=torch.long)
        self.said = self.compile(request["way"]) if self.static else "nothing compiled"
        doing("answering")
        self.first_logits, self.tokens = self.answer()

    def load(self, request: dict):
        import transformers

        transformers.utils.logging.disable_progress_bar()
        config = transformers.AutoConfig.from_pretrained(request["model"])
        kind = {"llava": "LlavaForConditionalGeneration", "llava_next": "LlavaNextForConditionalGeneration"}
        dtype = getattr(self.torch, request["dtype"])
        model = getattr(transformers, kind[config.model_type]).from_pretrained(
            request["model"], dtype=dtype, attn_implementation="sdpa"
        )
        return model.to(self.device).eval(), config

    def pinned(self, numbers):
        return numbers.pin_memory() if self.device.type == "cuda" else numbers

    def static_cache(self):
        from transformers import StaticCache

        text = self.config.text_config
        cache = StaticCache(config=text, max_cache_len=self.ids.shape[1] + self.further + WARM_UP)
        size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        cache.early_initialization(1, text.num_key_value_heads, size, self.model.dtype, self.device)
        for layer in cache.layers:
            for tensor in [layer.keys, layer.values, layer.cumulative_length]:
                # Where they are guarded, as in older versions of PyTorch, compiled code holds for one layer alone.
                self.torch._dynamo.mark_static_address(tensor, guard=False)
        return cache

    def compile(self, way: str) -> str:
        """Compiles layers, and records the parts, in the order in which they need each other's results."""
        from torch._dynamo.utils import counters
        from transformers.integrations.sdpa_attention import sdpa_attention_forward
        from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

        ALL_ATTENTION_FUNCTIONS.register(CAUSAL, sdpa_attention_forward)
        self.cache = self.static_cache()
        model = self.model.model
        tower = next(m for m in model.vision_tower.modules() if isinstance(m, self.torch.nn.ModuleList))
        for layers in [tower, [model.multi_modal_projector], self.language.layers, [self.language.norm]]:
            self.share(layers, way)
        begun = time.perf_counter()
        for name in ["look", "read", "step"]:
            self.doing({"look": "compiling vision", "read": "compiling the prefill", "step": "compiling a step"}[name])
            part = getattr(self, name)
            setattr(self, name, self.recorded(self.causal(part) if name == "read" else part))
        seconds, graphs = time.perf_counter() - begun, counters["stats"]["unique_graphs"]
        # A piece may be counted by both caches.
        cached = max(counters["inductor"]["fxgraph_cache_hit"], counters["aot_autograd"]["autograd_cache_hit"])
        return f"{graphs} pieces compiled, {cached} of them from a cache, and recorded in {seconds:.0f} s"

    def share(self, layers, way: str):
        """Has modules of one kind run the same compiled code."""
        # Both modes record CUDA graphs of each piece where the code lets them; here that is done once and for all.
        mode = {"compiled": "default", "max-autotune": "max-autotune-no-cudagraphs"}[way]
        forward = self.torch.compile(type(layers[0]).forward, mode=mode, dynamic=False, fullgraph=True)

        def run(layer, place, *inputs, **named):
            if "past_key_values" in named:
                # The whole cache and a layer's place in it would be compiled in.
                named["past_key_values"] = self.cache.layers[place]
            return forward(layer, *inputs, **named)

        for place, layer in enumerate(layers):
            for module in layer.modules():
                if hasattr(module, "layer_idx"):
                    # Or it may be compiled in; a single layer's cache doesn't read it.
                    module.layer_idx = 0
                if module is not layer:
                    # They record attention weights, which nobody asks for, and can't be compiled.
                    module._forward_hooks.clear()
            layer.forward = partial(run, layer, place)

    def causal(self, run):
        def without_mask():
            self.language.config._attn_implementation = CAUSAL
            try:
                run()
            finally:
                self.language.config._attn_implementation = "sdpa"

        return without_mask

    def recorded(self, run):
        if self.device.type == "cuda":
            return graph(self.torch, run).replay
        run()
        return run

    def project(self):
        """All crops through vision tower and projector."""
        model = self.model.model
        states = model.vision_tower(self.pixels, output_hidden_states=True).hidden_states
        layers = self.config.vision_feature_layer
        layers = [layers] if isinstance(layers, int) else layers
        features = self.torch.cat([states[layer] for layer in layers], dim=-1)
        if self.config.vision_feature_select_strategy == "default":
            features = features[:, 1:]
        return model.multi_modal_projector(features)

    def in_order(self):
        """The crops' embeddings as the prompt has them, newlines among them."""
        if self.picture is None:
            return self.crops[0]
        model, strategy = self.model.model, self.config.vision_feature_select_strategy
        return model.pack_image_features([self.crops], self.picture, strategy, image_newline=model.image_newline)[0][0]

    def look(self):
        self.crops.copy_(self.project())

    def read(self):
        if self.static:
            for layer in self.cache.layers:
                layer.cumulative_length.zero_()
        embed = self.language.get_input_embeddings()
        before, after = embed(self.ids[:, : self.first]), embed(self.ids[:, self.behind :])
        self.choose(inputs_embeds=self.torch.cat([before, self.image[None], after], dim=1))

    def step(self):
        if self.static:
            layer = self.cache.layers[0]
            seen = self.torch.arange(layer.keys.shape[2], device=self.device) <= layer.cumulative_length
            self.choose(input_ids=self.token, attention_mask=seen[None, None, None])
        else:
            self.choose(input_ids=self.token)

    def choose(self, **inputs):
        states = self.language(past_key_values=self.cache, use_cache=True, **inputs).last_hidden_state
        logits = self.model.lm_head(states[:, -1])
        self.logits.copy_(logits[0])
        self.token.copy_(logits.argmax(dim=-1, keepdim=True))

    def vision(self):
        """From pixels in host memory to the image's embeddings."""
        self.pixels.copy_(self.host_pixels, non_blocking=True)
        self.look()
        self.image.copy_(self.in_order())

    def prefill(self):
        """From ids in host memory to the first token."""
        from transformers import DynamicCache

        if not self.static:
            self.cache = DynamicCache(config=self.config.text_config)
        self.ids.copy_(self.host_ids, non_blocking=True)
        self.read()

    def decode(self):
        """All further tokens; nobody waits for one."""
        tokens = []
        for _ in range(self.further):
            self.step()
            tokens.append(self.token.clone())
        return tokens

    def answer(self):
        """The first token's logits and all tokens."""
        self.vision()
        self.prefill()
        logits, first = self.logits.clone(), self.token.clone()
        return logits, self.torch.cat([first, *self.decode()]).flatten().tolist()

    def prepared(self) -> dict:
        return {"tokens": self.tokens, "said": self.said}

    def timed(self, run) -> float:
        self.wait()
        start = time.perf_counter()
        run()
        self.wait()
        return (time.perf_counter() - start) * 1e3

    def wait(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def millis(self) -> list[float]:
        parts = [self.timed(self.vision), self.timed(self.prefill), self.timed(self.decode) / self.further]
        return [*parts, self.timed(self.answer)]
