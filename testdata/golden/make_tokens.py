"""Writes smollm2_tokens.json: token ids of texts and conversations of our own, by transformers.

usage: make_tokens.py FILE.gguf        needs: torch==2.15.0 transformers==5.24.0 tokenizers==0.23.3 gguf==0.19.0
"""
import json, pathlib, sys

import smollm2_reference as reference

TEXTS = [
    "The rind of a washed cheese is orange, sticky and full of opinions.",
    "In 1987 we sold 12,345 wheels; by 2024 it was 9876543210, or 3.14159 a head.",
    "room2b, v0.10.3, 0x7fff, 1e-5, ½ cup, x² + y³ = ٣٤ and 四十二",
    "Ça vieillit déjà: œuf, naïve, coöperate, Straße, İstanbul, ﬁne",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "Сыр зреет медленно. 奶酪成熟得很慢。 チーズはゆっくり熟成する。 الجبن ينضج ببطء",
    "Smiles 🙂🙂, family 👩‍👩‍👧‍👦, flag 🇫🇷, thumbs 👍🏽, and a lone \u200d joiner\ufe0f",
    "  two spaces, then   three,\tone tab\t\ttwo tabs  ",
    "line one\nline two\n\nparagraph\r\nwindows\n   \n  indented\n\n\n\nend\n",
    "def age(weeks: int) -> str:\n    if weeks >= 12:\n\treturn f\"{weeks:>4d}% aged\"  # why 12?\n    return 'fresh'\n",
    "for (i = 0; i < n; ++i) { a[i] ^= ~b[i] << 2; } // !@#$%^&*()_+-=[]{}|;':\",./<>?`",
    "it's we've I'll they'd IT'S WE'VE don't y'all o'clock rock'n'roll 'tis",
    "<|im_start|>user\nWhat does <|im_end|> do here?<|im_end|>\n<|im_start|>assistant\n",
    "not special: <|im_start |>, < |im_end|>, <im_start>, <|endoftext|><|endoftext|>x",
    "<repo_name>rind<file_sep>src/main.rs\n<empty_output>",
    "Supercalifragilisticexpialidocious antidisestablishmentarianism zzzzzzzzzzzzzzzzzzzz",
    "https://example.org/a/b?c=d&e=%20f#g mailto:someone@example.org C:\\cellar\\wheel.txt",
    "a\u0301 e\u0308 \u00e9 \u212b \ufeffbom \u00a0nbsp\u2003em\u3000ideographic \u0000nul \u007fdel",
    "",
    " ",
    "\n",
]
CONVERSATIONS = [
    [{"role": "user", "content": "How long does a tomme ripen?"}],
    [{"role": "system", "content": "Answer in one line."},
     {"role": "user", "content": "What is 17 + 25?"},
     {"role": "assistant", "content": "42"}],
    [{"role": "user", "content": "Bonjour !"},
     {"role": "assistant", "content": "Bonjour. De quoi parlons-nous ?"},
     {"role": "user", "content": "Du sel 🧂, 35 g par litre."},
     {"role": "assistant", "content": "Une saumure légère:\n\n- 35 g de sel\n- 1 litre d'eau\n"}],
    # One turn, two turns, a system prompt, several exchanges; code, lists, numbers, scripts, white space, markup.
    *[[{"role": "user", "content": question}] for question in [
        "Write a haiku about rind.", "2+2?", "  leading and trailing spaces  ", "line one\nline two\n\nline four", "{{ braces }} {% and %} tags",
        "Γιατί ωριμάζει το τυρί;", "¿Cuánto cuesta 1.250,50 € el kilo?", "x" * 40]],
    *[[{"role": "user", "content": question}, {"role": "assistant", "content": answer}] for question, answer in [
        ("Define whey.", "The liquid that is left when milk curdles."),
        ("Sort 3, 1, 2.", "1, 2, 3"),
        ("Show a loop in Rust.", "```rust\nfor wheel in 0..12 {\n    turn(wheel);\n}\n```"),
        ("List three salts.", "1. Sea salt\n2. Rock salt\n3. Grey salt"),
        ("A table, please.", "| day | pH |\n|---|---|\n| 1 | 6.6 |\n| 2 | 5.3 |"),
        ("Is 0.1 + 0.2 = 0.3?", "Not in binary floating point: 0.30000000000000004."),
        ("Antworte auf Deutsch: warum?", "Weil die Rinde atmet – täglich, überall, größtenteils unbemerkt."),
        ("日本語で答えて。", "チーズは生きています。"),
        ("Say nothing.", "..."),
        ("Quote it.", "She said: \"It's 'ripe', isn't it?\"")]],
    *[[{"role": "system", "content": system}, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]
      for system, question, answer in [
          ("You are a cellar master.", "When is it done?", "When the rind stops asking for salt."),
          ("", "Is the system prompt empty?", "Yes."),
          ("Antworte kurz.\nOhne Listen.", "Was ist Lab?", "Ein Enzym."),
          ("Be precise to 3 digits.", "What is pi?", "3.142"),
          ("You speak like Anna 🧀.", "Who are you?", "Anna 🧀, of course.")]],
    *[[{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 4, turns)] for turns in [
        ["Hi", "Hello!", "Bye", "Goodbye."],
        ["A", "1", "B", "2", "C", "3"],
        ["What is brine?", "Salt water.", "How strong?", "20 %.", "And for feta?", "7 % to 8 %.", "Thanks"],
        ["Why?", "Because.\n", "\tWhy really?", "Because of the mould."]]],
]


def main():
    path = sys.argv[1]
    reference.check(path)
    tokenizer = reference.load_tokenizer(path)
    chat = lambda messages, prompt: tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
    encode = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
    rows = {
        "made_by": "make_tokens.py",
        "versions": reference.versions(),
        "gguf_sha256": reference.SHA256,
        "texts": [{"text": text, "ids": encode(text), "decoded": tokenizer.decode(encode(text), skip_special_tokens=True)}
                  for text in TEXTS],
        "conversations": [
            {"messages": messages, "text": chat(messages, False), "ids": encode(chat(messages, False)),
             "prompt_ids": encode(chat(messages, True))}
            for messages in CONVERSATIONS],
    }
    out = pathlib.Path(__file__).parent / "smollm2_tokens.json"
    out.write_text(one_row_a_line(rows), encoding="utf-8")


def one_row_a_line(rows):
    dump = lambda value: json.dumps(value, ensure_ascii=False)
    parts = []
    for key, value in rows.items():
        if isinstance(value, list):
            value = "[\n" + ",\n".join(dump(row) for row in value) + "\n]"
        else:
            value = dump(value)
        parts.append(f"{dump(key)}: {value}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
