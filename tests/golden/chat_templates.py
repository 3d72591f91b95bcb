"""Chat templates as Python renders them, in the environment of transformers itself.

conversations.jsonl: every template of llama.cpp's collection x the conversations of
conversations.json. snippets.jsonl: small templates that together use every filter, test, method,
operator, statement and form of white-space control. generated.jsonl: templates made at random.
Both see variables.json. One JSON object a line: what was rendered, and either `text` or `error`
(with `raised` where the template itself raised it).
"""
import datetime
import json
import pathlib

import jinja2
import transformers
from transformers.utils import chat_template_utils

import golden
import chat_template_conversations
import chat_template_random
import chat_template_snippets

NOW = 1753522923  # 2025-07-26 09:42:03 UTC
GENERATED = 6000  # random templates
TEMPLATES = sorted((golden.LLAMA_CPP / "models/templates").glob("*.jinja"))


class FixedDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=tz)


def raised_by_template(error):
    """raise_exception's own message, else nothing."""
    return str(error) if type(error) is jinja2.exceptions.TemplateError else None


def outcome(render):
    try:
        return {"text": render()}
    except Exception as error:  # whatever Python raises, Skep must refuse as well
        return {"error": f"{type(error).__name__}: {error}"[:500], "raised": raised_by_template(error)}


def render_conversation(source, messages, options):
    chat_template_utils.datetime = FixedDatetime
    texts, _ = chat_template_utils.render_jinja_template(
        conversations=[messages], chat_template=source, tools=options.get("tools"),
        add_generation_prompt=options.get("add_generation_prompt", True),
        continue_final_message=options.get("continue_final_message", False),
        **{"bos_token": "<s>", "eos_token": "</s>", **options.get("extra", {})})
    return texts[0]


def render_snippet(source):
    chat_template_utils.datetime = FixedDatetime
    template = chat_template_utils._compile_jinja_template(source)
    return template.render(**chat_template_snippets.VARIABLES)


def write_lines(path, lines):
    with open(path, "w") as file:
        for line in lines:
            file.write(json.dumps(line, allow_nan=False) + "\n")


def is_portable(result):
    """Not the address of an object, which is never the same."""
    return " at 0x" not in result.get("text", "").lower()


def generate(out: pathlib.Path):
    conversations = {name: {"messages": messages, **options}
                     for name, messages, options in chat_template_conversations.conversations()}
    templates = {path.stem: path.read_text() for path in TEMPLATES}
    for name, content in [("templates", templates), ("conversations", conversations),
                          ("variables", chat_template_snippets.VARIABLES), ("now", NOW)]:
        (out / f"{name}.json").write_text(json.dumps(content, allow_nan=False))
    write_lines(out / "conversations.jsonl", (
        {"template": name, "conversation": conversation,
         **outcome(lambda: render_conversation(source, inputs["messages"], inputs))}
        for name, source in templates.items() for conversation, inputs in conversations.items()))
    write_lines(out / "snippets.jsonl", (
        {"source": source, **outcome(lambda: render_snippet(source))}
        for source in chat_template_snippets.SNIPPETS))
    write_lines(out / "generated.jsonl", filter(is_portable, (
        {"source": source, **outcome(lambda: render_snippet(source))}
        for source in chat_template_random.templates(GENERATED))))


if __name__ == "__main__":
    golden.main(generate,
                inputs=[*TEMPLATES, chat_template_snippets.__file__, chat_template_random.__file__,
                        chat_template_conversations.__file__],
                packages=["jinja2", "transformers"])
