"""Makes the chat template tests' templates and what Jinja renders from them.

Run from this folder with jinja2 installed:

    python make_chats.py

Jinja is set up as transformers sets it up. The templates are spelled as published checkpoints spell them, and in other
ways that mean the same; `expected.json` holds for each the rendered text of some conversations, or null where the
template can't render one.
"""

import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUT = pathlib.Path(__file__).parent.parent / "resources" / "chats"

IMAGES = "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ IMAGE }}{% endfor %}"
TEXTS = "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ TEXT }}{% endfor %}"


def contents(image, text):
    images = "{# Render all images first #}" + IMAGES.replace("IMAGE", image)
    return images + "{# Render all text next #}" + TEXTS.replace("TEXT", text)


GENERATE = "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
LOOP = "{% for message in messages %}"
END = "{% endfor %}"
GUARDED = "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
GENERATION = (
    "{% if message['role'] != 'assistant' %}"
    + TEXTS.replace("TEXT", "content['text'] + ' '")
    + "{% else %}"
    + TEXTS.replace("{{ TEXT }}", "{% generation %}{{ content['text'] + ' '}}{% endgeneration %}")
    + "{% endif %}"
)
MISTRAL_USER = "{{ '[INST] ' }}" + contents(r"'<image>\n'", "content['text']") + "{{' [/INST]' }}"
MISTRAL_END = (
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)

TEMPLATES = {
    "llava-1.5": LOOP
    + GUARDED
    + "{# Render all images first #}"
    + IMAGES.replace("IMAGE", r"'<image>\n'")
    + "{# Render all text next #}"
    + GENERATION
    + END
    + GENERATE,
    "llava-1.5-older": LOOP + GUARDED + contents(r"'<image>\n'", "content['text'] + ' '") + END + GENERATE,
    "scenes": LOOP
    + "{{ message['role'].upper() + ': ' }}"
    + contents("'<image> '", "content['text'] + ' '")
    + END
    + GENERATE,
    "spaced": """{%- for message in messages -%}
    {%- if message["role"] != "system" -%}
        {{- message.role | upper + ": " -}}
    {%- endif -%}
    {#- pictures -#}
    {%- for content in message.content | selectattr("type", "equalto", "image") -%}
        {{- "<image>\\n" -}}
    {%- endfor -%}
    {%- for content in message.content|selectattr("type", "equalto", "text") -%}
        {{- content.text + " " -}}
    {%- endfor -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- "ASSISTANT:" -}}
{%- endif -%}
""",
    "lines": """{% for message in messages %}
{% if message['role'] != 'system' %}
{{ message['role'].upper() }}: {% endif %}
  {# the pictures
     come first #}
    {% for content in message['content'] | selectattr('type', 'equalto', 'image') %}
<image>
{% endfor %}
{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}
{{ content['text'] }} {% endfor %}
{% endfor %}
{% if add_generation_prompt %}
ASSISTANT:{% endif %}
""",
    "llava-1.6-vicuna": LOOP
    + "{% if message['role'] == 'system' %}{{ message['content'][0]['text'] }}"
    + "{% else %}{{ message['role'].upper() + ': '}}{% endif %}"
    + contents(r"'<image>\n'", "content['text'] + ' '")
    + END
    + GENERATE,
    "llava-1.6-mistral": LOOP
    + r"{% if message['role'] == 'system' %}{{ '<<SYS>>\n' + message['content'][0]['text'] + '\n<</SYS>>\n\n' }}"
    + "{% elif message['role'] == 'user' %}"
    + MISTRAL_USER
    + r"{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'][0]['text'] + '<\s> '}}"
    + MISTRAL_END,
    "llava-1.6-mistral-older": LOOP
    + "{% if message['role'] == 'user' %}"
    + MISTRAL_USER
    + "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'][0]['text'] + '</s> '}}"
    + MISTRAL_END,
    "llama3-llava-next": LOOP
    + r"{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'}}"
    + contents("'<image>'", r"'\n' + content['text'] + '<|eot_id|>'")
    + END
    + r"{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    "chatml": LOOP
    + r"{{'<|im_start|>' + message['role'] + '\n'}}"
    + contents(r"'<image>\n'", "content['text']")
    + "{{'<|im_end|>'}}{% endfor %}"
    + r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
}

CONVERSATIONS = [
    [("user", 1, "What number is on the red circle?")],
    [("user", 0, "Hello.")],
    [("user", 3, "Compare\nthem. ")],
    [("user", 1, "{{ 7 * 7 }} {% raw %} 'quoted' \\n $1")],
    [("system", 0, "Be brief."), ("user", 1, "Why?")],
    [("user", 1, "What?"), ("assistant", 0, "A dog."), ("user", 0, "Sure?")],
]


def render(template, conversation, generate):
    def refuse(message):
        raise jinja2.exceptions.TemplateError(message)

    class Generation(jinja2.ext.Extension):
        """Transformers' mark for training; it writes what is in it."""

        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.Scope(body).set_lineno(line)

    jinja = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    jinja.globals["raise_exception"] = refuse
    messages = [
        {"role": role, "content": [{"type": "image"}] * images + [{"type": "text", "text": text}]}
        for role, images, text in conversation
    ]
    try:
        return jinja.from_string(template).render(messages=messages, add_generation_prompt=generate)
    except jinja2.exceptions.TemplateError:
        return None


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    made = {"conversations": CONVERSATIONS, "templates": {}}
    for name, template in TEMPLATES.items():
        made["templates"][name] = {
            "template": template,
            "asked": [render(template, conversation, True) for conversation in CONVERSATIONS],
            "plain": [render(template, conversation, False) for conversation in CONVERSATIONS],
        }
    (OUT / "expected.json").write_text(json.dumps(made, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
