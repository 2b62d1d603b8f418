"""Writes templates.json: what chat templates make of conversations of our own, by transformers.

usage: make_templates.py FOLDER      needs: torch==2.15.0 transformers==5.23.0

FOLDER holds the templates of other projects as the wheel of trl 1.16.0 ships them (`trl/chat_templates`). Of
those only the hashes of sources and results are written; the templates below are ours and written in full.
Today is the 31st of January 2026.
"""
import datetime, hashlib, json, pathlib, sys

import transformers
from transformers.utils import chat_template_utils

from make_tokens import one_row_a_line

FAMILIES = ("deepseek", "gemma", "llama3", "phi3", "qwen2_5", "qwen3", "smolvlm")
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
OWN = {
    "chatml": CHATML + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "default system prompt": """{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] | trim %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set system = 'You ripen cheese.' %}
    {%- set rest = messages %}
{%- endif %}
{{- '[S]' + system + '[/S]' }}
{%- for message in rest %}
    {{- '[' ~ message.role | upper ~ ']' ~ message.content.strip() ~ eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '[ASSISTANT]' }}{% endif %}
""",
    "date": "{{ bos_token }}Today: {{ strftime_now('%d %b %Y, %A %j') }}\n{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
    "blocks and white space": """
  {# a comment #}
  {% for m in messages %}
    {% generation %}
      {{ m.content }}
    {% endgeneration %}

    {%- generation -%}
      {{- m.role -}}
    {%- endgeneration -%}
  {% endfor %}
   end
""",
    "python methods": "{% for m in messages %}{{ m['content'].split(' ')[0].lstrip('H').rstrip('!') }}|{{ m.content.startswith('W') }}"
                      "|{{ m.content.replace('e', 'E').upper()[:5] }}|{{ m.get('name', 'no name') }}\n{% endfor %}",
    "json": "{{ messages | tojson }}\n{{ messages[0] | tojson(indent=2) }}\n{{ 'a<b>&\\'\"é' | tojson }}",
    "namespace, breaks and reverse": "{% set ns = namespace(n=0, last='') %}{% for m in messages[::-1] %}{% if m.role == 'system' %}{% continue %}{% endif %}"
                                     "{% set ns.n = ns.n + 1 %}{% set ns.last = m.content %}{% if ns.n >= 2 %}{% break %}{% endif %}{% endfor %}"
                                     "{{ ns.n }} {{ ns.last }} {{ loop is defined }} {{ tools is none }} {{ documents is defined }} {{ nothing is defined }}",
    "raises": "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{{ m.role }} {% endfor %}",
    "drops earlier reasoning": "{% for m in messages %}{% set text = m.content %}{% if '</think>' in text and not loop.last %}{% set text = text.split('</think>')[-1].lstrip('\\n') %}{% endif %}"
                               "<|{{ m.role }}|>{{ text }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
}
CONVERSATIONS = [
    [{"role": "user", "content": "Hello there!"}],
    [{"role": "user", "content": "Why is the rind orange?"},
     {"role": "assistant", "content": "<think>\nBacteria.\n</think>\n\nA washed rind feeds *B. linens*, which is orange."}],
    [{"role": "system", "content": "  Speak like a cheesemonger.\n"},
     {"role": "user", "content": "What now, été?"},
     {"role": "assistant", "content": "  Patience. \n"},
     {"role": "user", "content": "How \"long\" & why <so>?"},
     {"role": "assistant", "content": "Twelve weeks 🧀."}],
]


class Today(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 31)


def render(source, messages, prompt):
    """None where the template raises an error."""
    try:
        return chat_template_utils.render_jinja_template(
            [messages], chat_template=source, add_generation_prompt=prompt, **SPECIAL)[0][0]
    except Exception:
        return None


def results(source, shown):
    return [shown(render(source, messages, prompt)) for messages in CONVERSATIONS for prompt in (False, True)]


def main():
    chat_template_utils.datetime = Today
    sha256 = lambda text: None if text is None else hashlib.sha256(text.encode()).hexdigest()
    others = sorted(path for path in pathlib.Path(sys.argv[1]).glob("*.jinja") if path.name.startswith(FAMILIES))
    rows = {
        "made_by": "make_templates.py",
        "versions": {"transformers": transformers.__version__, "trl": "1.16.0"},
        "special": SPECIAL,
        "today": "2026-01-31",
        "conversations": CONVERSATIONS,
        "own": [{"name": name, "source": source, "texts": results(source, lambda text: text)} for name, source in OWN.items()],
        "others": [{"file": path.name, "sha256": sha256(path.read_text()), "texts_sha256": results(path.read_text(), sha256)}
                   for path in others],
    }
    out = pathlib.Path(__file__).parent / "templates.json"
    out.write_text(one_row_a_line(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
