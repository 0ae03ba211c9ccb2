"""A LLaVA's training step by transformers, and by PEFT where a LoRA is trained.

    {"op": "train", "model": FOLDER, "device": "cpu", "dtype": "float32", "rank": null, "checkpointing": false,
     "ids": [[1, ...], ...], "labels": [[-100, ...], ...], "picture": [672, 672], "pixels": [1, 5, 3, 336, 336], "data": FILE}

Ids have the image token as often as the picture has tokens; pixels are float32: samples, crops, channels, height, width.
Without a rank projector and decoder are trained, else a LoRA of all matrices of the decoder's layers. The loss is the one
before the step.
"""

import time

LORA_TARGETS = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"


class Training:
    """Steps of AdamW so small that every one finds the same model, as ours are."""

    def __init__(self, torch, request: dict, pixels):
        self.torch, self.device = torch, torch.device(request["device"])
        dtype = getattr(torch, request["dtype"])
        self.autocast = dtype != torch.float32
        with torch.inference_mode(False):
            self.module = self.load(request, dtype)
            self.trained = [value for value in self.module.parameters() if value.requires_grad]
            self.optimizer = torch.optim.AdamW(self.trained, lr=1e-9, weight_decay=0.0)
            self.inputs = {
                "input_ids": torch.tensor(request["ids"], device=self.device),
                "labels": torch.tensor(request["labels"], device=self.device),
                "pixel_values": pixels.to(self.device, dtype, copy=True),
            }
            samples = request["pixels"][0]
            if self.module.config.model_type == "llava_next":
                self.inputs["image_sizes"] = torch.tensor([request["picture"]] * samples, device=self.device)
            else:
                self.inputs["pixel_values"] = self.inputs["pixel_values"].flatten(0, 1)

    def load(self, request: dict, dtype):
        from transformers import AutoModelForImageTextToText

        module = AutoModelForImageTextToText.from_pretrained(
            request["model"], dtype=dtype, attn_implementation="sdpa"
        ).to(self.device)
        module.model.vision_tower.requires_grad_(False)
        if request["checkpointing"]:
            module.gradient_checkpointing_enable({"use_reentrant": False})
        if request["rank"] is not None:
            from peft import LoraConfig, get_peft_model

            rank = request["rank"]
            module = get_peft_model(module, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LORA_TARGETS))
        return module.train()

    def step(self):
        torch = self.torch
        with torch.inference_mode(False), torch.enable_grad():
            self.optimizer.zero_grad()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                loss = self.module(**self.inputs, use_cache=False).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
            self.optimizer.step()
            return loss.detach()

    def run(self) -> list[float]:
        start = time.perf_counter()
        self.step()
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()
        return [(time.perf_counter() - start) * 1e3]

    def output(self):
        return self.step().float().cpu().reshape(1), {}
