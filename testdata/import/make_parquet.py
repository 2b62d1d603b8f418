#!/usr/bin/env python3
"""Write the small parquet files that the import is tested with, as the libraries of data sets write them.

    pip install pyarrow; python testdata/import/make_parquet.py

Three layouts: `messages` as a list of structs (snappy, several row groups), `conversations` as JSON text in a string
(zstd), and preferences with a prompt (no compression, dictionary off). Written with pyarrow 26.0.1.
"""

import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent


def messages(number):
    return [
        {"role": "user", "content": f"What is number {number}? Köln"},
        {"role": "assistant", "content": f"It is {number}.\nNothing more."},
    ]


def main():
    rows = [messages(number) for number in range(5)]
    embeddings = [[0.5, float(number)] for number in range(5)]
    table = pa.table({"id": [f"row-{n}" for n in range(5)], "messages": rows, "embedding": embeddings, "score": [1, None, 3, 4, 5]})
    pq.write_table(table, HERE / "messages.parquet", compression="snappy", row_group_size=2)

    turns = [[{"from": "human", "value": "Why?"}, {"from": "gpt", "value": f"Because of {n}."}] for n in range(3)]
    table = pa.table({"conversations": [json.dumps(turn) for turn in turns], "source": ["x"] * 3})
    pq.write_table(table, HERE / "conversations.parquet", compression="zstd", data_page_version="2.0")

    table = pa.table(
        {
            "prompt": ["Which is better?", "And now?"],
            "chosen": [messages(1)[:1] + [{"role": "assistant", "content": "The first."}], None],
            "rejected": [messages(1)[:1] + [{"role": "assistant", "content": "The second."}], None],
        }
    )
    pq.write_table(table, HERE / "preferences.parquet", compression="none", use_dictionary=False)


if __name__ == "__main__":
    main()
