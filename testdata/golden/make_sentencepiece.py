"""Writes sentencepiece.json: a small SentencePiece BPE vocabulary as GGUF files keep it, and the ids that the
sentencepiece library gives. Needs `pip install sentencepiece`.

The text is repeated rather than long: what is tested is the order of merges, spaces, bytes and whole tokens.
"""
import io
import json
import pathlib

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb

SENTENCES = [
    "The cheese ripens in the cellar, and the rind turns grey before it turns gold.",
    "Nobody turns the cheese twice a day; once is enough, the cellar does the rest.",
    "In the morning the cellar smells of straw, of milk and of the stone itself.",
    "La cave est froide, le fromage attend; on le retourne, on le frotte, on attend encore.",
    "123 wheels, 45 days, 6 salts: 1 2 3 and 12345.",
] * 20
TEXTS = [
    "The cheese turns in the cellar.",
    " the cellar",
    "the  cellar   smells",
    "turns\n\nthe\trind",
    "<turn>the rind<end>",
    "caf\u00e9 \u2014 \u6771\u4eac \U0001f9c0",
    "12345 wheels",
    "\u2581the",
    "",
    "cheesecheese cellarcellar attendattend",
    "a<turn><turn> b",
]


def model(prefix: bool) -> pb.ModelProto:
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=out, model_type="bpe", vocab_size=480, byte_fallback=True,
        add_dummy_prefix=prefix, remove_extra_whitespaces=False, normalization_rule_name="identity",
        split_digits=True, user_defined_symbols=["<turn>", "\n", "\n\n"], control_symbols=["<end>"],
        allow_whitespace_only_pieces=True)
    proto = pb.ModelProto()
    proto.ParseFromString(out.getvalue())
    return proto


def entry(prefix: bool) -> dict:
    proto = model(prefix)
    processor = spm.SentencePieceProcessor(model_proto=proto.SerializeToString())
    ids = {piece.piece: index for index, piece in enumerate(proto.pieces)}

    def encode(text: str) -> list[int]:
        # A control token in a text is what it says here, to sentencepiece it is text.
        found: list[int] = []
        for index, part in enumerate(text.split("<end>")):
            if index:
                found.append(ids["<end>"])
            if part:
                found += processor.encode(part)
        return found

    # Whether a word behind a whole token gets the space of a begin differs between programs (ours does, as in llama.cpp).
    texts = [text for text in TEXTS if not (prefix and ("<" in text or "\n" in text))]
    return {
        "add_space_prefix": prefix,
        "tokens": [piece.piece for piece in proto.pieces],
        "scores": [piece.score for piece in proto.pieces],
        "token_types": [piece.type for piece in proto.pieces],
        "texts": [{"text": text, "ids": encode(text)} for text in texts],
    }


path = pathlib.Path(__file__).with_name("sentencepiece.json")
path.write_text(json.dumps([entry(False), entry(True)], ensure_ascii=True, separators=(",", ":")) + "\n")
