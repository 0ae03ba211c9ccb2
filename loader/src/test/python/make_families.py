"""Makes small tokenizers in the shape of those that supported model families have.

Run from this folder with tokenizers installed:

    python make_families.py

Each is trained on the same few sentences, on the project's own documents and on names of characters, so that its
vocabulary holds a few thousand tokens. What matters is the rest of each file: how text is normalised, cut, merged and
decoded, and how added tokens are found.
"""

import json
import pathlib
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[3]
OUT = HERE.parent / "resources" / "families"
SENTENCES = [
    "What number is on the red circle? There are 3 squares, 14 triangles and 1,592 stars; it's 65% of 2024's.",
    "Das Straßenbild zeigt überall größere Häuser; französische Wörter: élève, naïve, Noël, cœur.",
    "Что изображено на картинке? Сколько там людей и что они делают?",
    "图片里有什么?请详细描述一下这张图片。数字是多少?",
    "この画像には何が写っていますか。詳しく説明してください。カタカナとひらがな。",
    "이 사진에는 무엇이 있습니까? 자세히 설명해 주세요.",
    "ما الذي يظهر في هذه الصورة؟ كم عدد الأشخاص؟ ١٢٣٤٥",
    "इस चित्र में क्या दिखाई दे रहा है? १२३४५ लोग हैं।",
    "τι φαίνεται σε αυτή την εικόνα; Πόσοι άνθρωποι υπάρχουν;",
    "ในภาพนี้มีอะไรบ้าง มีกี่คน",
    "🙂 😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪 ❤️ ☃ … — “quotes” ‘single’ « guillemets »",
    "def area(self, width: int) -> float:\n    return width * self.height  # in metres\n\n\tif x == 0:\r\n\t\tpass\n",
    "I'm, you're, we've, they'll, he'd, don't, it's, I'M, YOU'RE, WE'VE, THEY'LL, HE'D, DON'T, IT'S",
]
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = GPT4.replace(r"\p{N}{1,3}", r"\p{N}")


def corpus():
    yield from SENTENCES * 4
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]:
        yield from (ROOT / document).read_text(encoding="utf-8").splitlines(keepends=True)
    for character in range(0x20, 0x3000):
        yield unicodedata.name(chr(character), "").lower()


def special(content, **flags):
    return AddedToken(content, special=True, **{"normalized": False, **flags})


def trained(tokenizer, size, specials, **options):
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=specials, show_progress=False, **options)
    tokenizer.train_from_iterator(corpus(), trainer)


def sentencepiece(size, normalizer, pre_tokenizer, fuse_unk=True):
    """As files are that were converted from sentencepiece, with bytes for what is not in the vocabulary."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse_unk, byte_fallback=True))
    # Trained within words, else whole sentences would become tokens.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trained(tokenizer, size, specials, limit_alphabet=250)
    made = json.loads(tokenizer.to_str())
    made["added_tokens"] = made["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(made))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def vicuna():
    tokenizer = sentencepiece(
        2500, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None
    )
    tokenizer.add_special_tokens([special("<image>"), special("<pad>")])
    return tokenizer


def old_llama():
    """Special tokens that are looked for in normalised text, as early conversions had them."""
    tokenizer = sentencepiece(
        1500, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None, fuse_unk=False
    )
    made = json.loads(tokenizer.to_str())
    for token in made["added_tokens"]:
        token["normalized"] = True
    return Tokenizer.from_str(json.dumps(made))


def mistral():
    tokenizer = sentencepiece(2000, None, pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False))
    tokenizer.add_special_tokens(
        [
            special("[INST]"),
            special("[/INST]", rstrip=True),
            special("<image>", lstrip=True),
            special("<mask>", lstrip=True, rstrip=True),
            special("tool", single_word=True),
        ]
    )
    return tokenizer


def byte_level(size, normalizer, pattern, ignore_merges, tokens):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
        ]
    )
    trained(tokenizer, size, [], initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)
    tokenizer.add_special_tokens([special(token) for token in tokens])
    return tokenizer


def llama3():
    tokenizer = byte_level(
        4000,
        None,
        GPT4,
        True,
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>"],
    )
    start = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(add_prefix_space=True, trim_offsets=False, use_regex=True),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>", start)],
            ),
        ]
    )
    # Words that no merge leads to, so that ignoring merges shows.
    made = json.loads(tokenizer.to_str())
    made["model"]["merges"] = made["model"]["merges"][::-1][:2000][::-1]
    for word in [made["model"]["merges"][-1], made["model"]["merges"][-2]]:
        made["model"]["merges"].remove(word)
    return Tokenizer.from_str(json.dumps(made))


def qwen2():
    tokenizer = byte_level(
        3500, normalizers.NFC(), QWEN, False, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>"]
    )
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    return tokenizer


def gpt2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trained(tokenizer, 2000, ["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", 0), ("<|endoftext|>", 0))
    return tokenizer


def flags():
    """Added tokens with every flag, over a normaliser that changes them."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Strip(left=True, right=False), normalizers.NFKC(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Metaspace("_", prepend_scheme="first", split=True),
        ]
    )
    trained(tokenizer, 1200, ["<unk>"], limit_alphabet=150)
    tokenizer.decoder = decoders.Metaspace("_", prepend_scheme="first", split=True)
    tokenizer.post_processor = processors.BertProcessing(("<unk>", 0), ("<unk>", 0))
    tokenizer.add_tokens(
        [
            AddedToken("Word", single_word=True, normalized=True),
            AddedToken("image", single_word=True, normalized=False),
            AddedToken("IMG", lstrip=True, rstrip=True, normalized=True),
            AddedToken(" left", lstrip=True, normalized=False),
            AddedToken("right ", rstrip=True, normalized=False),
            AddedToken("rightmost", rstrip=True, normalized=False),
            AddedToken("  ", normalized=False),
            AddedToken("ﬁne", normalized=True),
            special("<Both>", lstrip=True, rstrip=True, single_word=True),
            special("<sep>", normalized=True),
        ]
    )
    return tokenizer


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for make in [vicuna, old_llama, mistral, llama3, qwen2, gpt2, flags]:
        folder = OUT / make.__name__.replace("_", "-")
        folder.mkdir(exist_ok=True)
        path = folder / "tokenizer.json"
        path.write_text(json.dumps(json.loads(make().to_str()), ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{path.parent.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
