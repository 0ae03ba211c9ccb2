"""Makes the tokenizer of the tests and what the tokenizers library does with it.

Run from this folder with tokenizers installed:

    python make_tokenizer.py

A small byte-pair tokenizer built as LLaMA's is: a word starts with an underscore-like mark, unknown characters fall
back to bytes, `<s>` is put first. The file asks for cutting and padding, which the loader has to ignore.
"""

import json
import pathlib

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors, trainers

OUT = pathlib.Path(__file__).parent.parent / "resources" / "tokenizer"
TEXTS = [
    "USER: <image>\nWhat number is on the red circle? ASSISTANT:",
    "the red circle",
    "",
    " two  spaces ",
    "ünïcödé, 数字, 🙂 and\ttabs",
    "</s> inside <image><image> and <unk>",
    "<notatoken>",
    "long " * 40,
]


def main():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=360, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(["what number is on the red circle", "USER ASSISTANT : ? the square"], trainer)
    # Bytes are ordinary tokens in LLaMA; only the trainer needed them to be special.
    made = json.loads(tokenizer.to_str())
    made["added_tokens"] = made["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(made))
    tokenizer.add_special_tokens([AddedToken("<image>", special=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    OUT.mkdir(parents=True, exist_ok=True)
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        cases.append(
            {
                "text": text,
                "ids": ids,
                "plainIds": tokenizer.encode(text, add_special_tokens=False).ids,
                "decoded": tokenizer.decode(ids, skip_special_tokens=True),
                "decodedWithSpecial": tokenizer.decode(ids, skip_special_tokens=False),
            }
        )
    tokenizer.enable_truncation(6)
    tokenizer.enable_padding(length=9, pad_id=0, pad_token="<unk>")
    tokenizer.save(str(OUT / "tokenizer.json"), pretty=False)
    image = tokenizer.token_to_id("<image>")
    (OUT / "expected.json").write_text(
        json.dumps({"image": image, "cases": cases}, ensure_ascii=True, indent=1) + "\n", encoding="ascii"
    )


if __name__ == "__main__":
    main()
