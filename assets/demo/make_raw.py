"""Makes the two raw files that the demo imports from the dialogues of this folder.

    python3 assets/demo/make_raw.py

Reads dialogues.jsonl (the source of truth) and defects.jsonl, and writes chatgpt-export.json (the shape of
ChatGPT's conversations.json: a tree per conversation, some answers regenerated) and notebook.md (a person's
Markdown notes). The same input gives the same bytes. All texts are original; nothing comes from a real export.
"""

import datetime
import json
import pathlib

FOLDER = pathlib.Path(__file__).parent
MODEL = "demo-author"
NOTEBOOK_HEAD = """---
title: Evening notebook
kept: 2024
---

Copied out by hand. One page for each question, with the answer that I kept.
"""


def rows(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def goes_to_export(row):
    """Three of five dialogues, and all that have an earlier answer: a notebook has no branches."""
    if "source" in row:
        return row["source"] == "chatgpt"
    return int(row["id"][1:]) % 5 in (0, 1, 3) or "earlier" in row


def seconds(row):
    """A time in the evening of the dialogue's date, different for each id."""
    day = datetime.datetime.fromisoformat(row["date"]).replace(tzinfo=datetime.timezone.utc)
    return day.timestamp() + 19 * 3600 + int(row["id"][1:]) * 41 + 0.25


def node(node_id, parent, children, message):
    return {"id": node_id, "parent": parent, "children": children, "message": message}


def message(message_id, role, text, time, **metadata):
    spoken = role == "assistant"
    return {
        "id": message_id,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": time,
        "update_time": None,
        "content": {"content_type": "text", "parts": [text]},
        "status": "finished_successfully",
        "end_turn": True if spoken else None,
        "weight": 1.0,
        "recipient": "all",
        "channel": "final" if spoken else None,
        "metadata": metadata,
    }


def conversation(row):
    key, start = row["id"], seconds(row)
    root, system, user = f"{key}-root", f"{key}-system", f"{key}-user"
    answers = []
    if "earlier" in row:
        answers.append((f"{key}-earlier", row["earlier"], "stop"))
    answers.append((f"{key}-answer", row["assistant"], row.get("finish", "stop")))
    ids = [answer_id for answer_id, _, _ in answers]
    hidden = message(system, "system", "", None, is_visually_hidden_from_conversation=True)
    mapping = {
        root: node(root, None, [system], None),
        system: node(system, root, [user], hidden),
        user: node(user, system, ids, message(user, "user", row["user"], start)),
    }
    for offset, (answer_id, text, finish) in enumerate(answers, start=1):
        said = message(answer_id, "assistant", text, start + 9.5 * offset, model_slug=MODEL,
                       finish_details={"type": finish})
        mapping[answer_id] = node(answer_id, user, [], said)
    return {
        "id": f"demo-{key}",
        "conversation_id": f"demo-{key}",
        "title": f"{row['title']} ({row['topic']})",
        "create_time": start,
        "update_time": start + 9.5 * len(answers),
        "current_node": ids[-1],
        "default_model_slug": MODEL,
        "gizmo_id": None,
        "is_archived": False,
        "mapping": mapping,
    }


def page(row):
    return (f"## {row['date']}, {row['title']} ({row['topic']})\n\n"
            f"**Me:** {row['user']}\n\n**Voice:** {row['assistant']}\n")


def main():
    everything = rows("dialogues.jsonl") + rows("defects.jsonl")
    everything.sort(key=lambda row: (row["date"], row["id"]))
    export = [conversation(row) for row in reversed(everything) if goes_to_export(row)]
    pages = [page(row) for row in everything if not goes_to_export(row)]
    export_text = json.dumps(export, ensure_ascii=False, indent=1) + "\n"
    (FOLDER / "chatgpt-export.json").write_text(export_text, encoding="utf-8", newline="\n")
    notebook_text = "\n".join([NOTEBOOK_HEAD] + pages)
    (FOLDER / "notebook.md").write_text(notebook_text, encoding="utf-8", newline="\n")
    print(f"chatgpt-export.json: {len(export)} conversations, notebook.md: {len(pages)} pages")


if __name__ == "__main__":
    main()
