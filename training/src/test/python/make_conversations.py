"""Makes what training texts must become: token ids, and which of them are an answer's.

Run with transformers and jinja2 installed (src/test/fixtures/requirements.txt):

    python make_conversations.py

Each sample, in LLaVA's own format, is written down for small checkpoints of every chat template's family and for
published templates over larger tokenizers. transformers renders and tokenises; where an answer ends is found by the
tokenizer's character offsets, which the Java side doesn't have. Of checkpoints in the original LLaVA's layout, texts are
cut at pictures as that repository's `tokenizer_image_token` cuts them.
"""

import json
import pathlib
import re

from transformers import AutoTokenizer, PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[3]
OUT = HERE.parent / "resources" / "conversations" / "expected.json"
LOADER = ROOT / "loader/src/test/resources"
FIXTURES = ROOT / "src/test/resources/fixtures"
CHATS = json.loads((LOADER / "chats/expected.json").read_text())["templates"]
NO_TOKEN = -200

CHECKPOINTS = [
    "mha-float32",
    "gqa-float32-sharded-oldnames",
    "next-vicuna-float32",
    "next-mistral-bfloat16-sharded",
    "next-llama3-float16",
    "original-pad",
    "original-anyres",
]
# Published templates over tokenizers in the shape of published ones; the first of the end tokens is the model's.
COMPOSED = [
    ("vicuna", "llava-1.5", ["</s>"]),
    ("old-llama", "llava-1.5-older", ["</s>"]),
    ("vicuna", "llava-1.6-vicuna", ["</s>"]),
    ("mistral", "llava-1.6-mistral", ["</s>"]),  # its template ends answers with "<\s>", which is no token
    ("mistral", "llava-1.6-mistral-older", ["</s>"]),
    ("llama3", "llama3-llava-next", ["<|end_of_text|>", "<|eot_id|>"]),
    ("qwen2", "chatml", ["<|im_end|>", "<|endoftext|>"]),
    ("qwen2", "chatml", ["<|endoftext|>"]),  # the template's own end is none of the model's
]


def turns(*words):
    return [{"from": ("human", "gpt")[i % 2], "value": value} for i, value in enumerate(words)]


SAMPLES = [
    {"id": "one", "image": "a.png", "conversations": turns("<image>\nwhat is on the red circle ?", "the star")},
    {"id": "behind", "image": ["a.png"], "conversations": turns("what is on the red circle ?\n<image>", "a star .")},
    {
        "id": "several",
        "image": "sub/b c.png",
        "conversations": turns(
            " <image> is the star in both ? ", "is", "how many are there ?", "there are 3 .", "what ?\r\n", "ÄÖ the\nstar"
        ),
    },
    {
        "id": "two",
        "image": ["a.png", "größe.png"],
        "conversations": turns("<image><image>\nis the star in both ?", "in both", "<|", "how"),
    },
    {
        "id": "later",
        "image": ["größe.png", "a.png", "größe.png"],
        "conversations": turns("<image> how many <image> are there ?", "2", "and here ?<image>", "3"),
    },
    {"id": 4, "conversations": turns("how many are there ?", "what")},
    {"id": "😀", "conversations": turns("is 👩‍👩‍👧‍👦 a 🇩🇪 ?", "👍🏽 is", "", "🙂")},
    {"id": "spaces", "conversations": turns("\t the  star\n", "  the  star \n")},
    {"id": "unfinished", "image": "a.png", "conversations": turns("<image>", "the star", "how many are there ?")},
    {
        "id": "instructed",
        "image": "a.png",
        "conversations": [{"from": "system", "value": "is the star red ?"}, *turns("what <image>", "red", "how ?", "is")],
    },
]


class Model:
    def __init__(self, name, tokenizer, template, ends, original):
        self.name = name
        self.tokenizer = tokenizer
        self.tokenizer.chat_template = template
        self.ends = ends
        self.original = original
        # Tokenizers converted long ago find an end token behind a space only; sentencepiece's own, and all later ones,
        # find it anywhere.
        self.misses_ends = tokenizer.convert_tokens_to_ids(ends[0]) not in tokenizer("a" + ends[0])["input_ids"]

    def render(self, messages, asks=False):
        if not messages:
            return self.tokenizer.apply_chat_template([], tokenize=False, add_generation_prompt=asks)
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=asks)

    def encode(self, text):
        """Ids and, of each, where its characters end."""
        cuts = {}
        if self.original:
            cuts["<image>"] = NO_TOKEN
        if self.misses_ends:
            cuts |= {end: self.tokenizer.convert_tokens_to_ids(end) for end in self.ends}
        if not cuts:
            made = self.tokenizer(text, return_offsets_mapping=True)
            return made["input_ids"], [end for _, end in made["offset_mapping"]]
        ids, ends, at = [], [], 0
        for i, piece in enumerate(re.split("(" + "|".join(map(re.escape, cuts)) + ")", text)):
            if i % 2 == 0:
                made = self.tokenizer(piece, return_offsets_mapping=True, add_special_tokens=i == 0)
                ids += made["input_ids"]
                ends += [at + end for _, end in made["offset_mapping"]]
            else:
                ids.append(cuts[piece])
                ends.append(at + len(piece))
            at += len(piece)
        return ids, ends

    def training(self, sample):
        messages = []
        for turn in sample["conversations"]:
            role = {"human": "user", "gpt": "assistant"}.get(turn["from"], turn["from"])
            words = turn["value"].replace("<image>", "").strip() if role == "user" else turn["value"]
            parts = [{"type": "image"}] * turn["value"].count("<image>") + [{"type": "text", "text": words}]
            messages.append({"role": role, "content": parts})
        while messages[-1]["role"] != "assistant":
            messages.pop()
        text, asking, stops = "", [], []
        for i, message in enumerate(messages):
            before, now = self.render(messages[:i]) if i else "", self.render(messages[: i + 1])
            assert now.startswith(before)
            turn = now[len(before) :]
            if message["role"] == "assistant":
                asked = self.render(messages[:i], asks=True)
                assert asked.startswith(before)
                asking.append(text + asked[len(before) :])
                words = message["content"][0]["text"]
                behind = turn.rindex(words) + len(words)
                written = [end for end in self.ends if turn.startswith(end, behind)]
                end = written[0] if written else self.ends[0]
                if not written:
                    turn = turn[:behind] + end + turn[behind:]
                stops.append(len(text) + behind + len(end))
            text += turn
        text = text[: stops[-1]]
        ids, ends = self.encode(text)
        answers = []
        for asked, stop in zip(asking, stops, strict=True):
            begin = 0
            for a, b in zip(self.encode(asked)[0], ids):
                if a != b:
                    break
                begin += 1
            # Other tokens of no width may end there, too.
            (last,) = [i for i, at in enumerate(ends) if at == stop and self.tokenizer.decode([ids[i]]) in self.ends]
            answers.append([begin, last + 1])
        return {"text": text, "ids": ids, "answers": answers}


def models():
    for name in CHECKPOINTS:
        folder = FIXTURES / name
        original = name.startswith("original")
        if original:  # has no template of its own
            description = {"folder": name, "template": "llava-1.5"}
            template = CHATS["llava-1.5"]["template"]
            tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
        else:
            description = {"folder": name}
            template = json.loads((folder / "chat_template.json").read_text())["chat_template"]
            tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
        ends = [tokenizer.decode([i]) for i in (ids if isinstance(ids, list) else [ids])]
        yield description, Model(name, tokenizer, template, ends, original)
    for family, chat, ends in COMPOSED:
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(LOADER / "families" / family / "tokenizer.json"))
        added = tokenizer.get_added_vocab()
        made = {
            "tokenizer": family,
            "template": chat,
            "endTokens": [added[end] for end in ends],
            "imageToken": added.get("<image>", NO_TOKEN),
        }
        yield made, Model(f"{family} {chat}", tokenizer, CHATS[chat]["template"], ends, "<image>" not in added)


def main():
    cases = []
    for description, model in models():
        for number, sample in enumerate(SAMPLES):
            system = sample["conversations"][0]["from"] == "system"
            try:
                made = model.training(sample)
            except Exception as e:  # a template that refuses system turns
                assert system, e
                made = {"refused": True}
            cases.append(description | {"sample": number} | made)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"samples": SAMPLES}, indent=1)[:-2] + ',\n "cases": [\n'
    text += ",\n".join("  " + json.dumps(case) for case in cases) + "\n ]\n}\n"
    OUT.write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
