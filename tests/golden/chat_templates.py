"""Chat templates as Python renders them, in the environment of transformers itself.

conversations.jsonl: every template of llama.cpp's collection (and the ones in this file) x a set of
conversations. snippets.jsonl: small templates that together use every filter, test, method,
operator, statement and form of white-space control. One JSON object a line: the inputs, and either
`text` or `error` (with `raised` where the template itself raised it).
"""
import datetime
import json
import pathlib

import jinja2
import transformers
from transformers.utils import chat_template_utils

import golden
import chat_template_snippets

NOW = 1753522923  # 2025-07-26 09:42:03 UTC
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
    except RecursionError:
        raise
    except Exception as error:  # whatever Python raises, Skep must refuse as well
        return {"error": f"{type(error).__name__}: {error}", "raised": raised_by_template(error)}


WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather at a place <now> & \"soon\".",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "The city, e.g. Zürich"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "days": {"type": "array", "items": {"type": "integer"}},
        "where": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {
            "type": ["number", "null"]}}, "required": ["lat"]}},
        "required": ["city"]},
    "return": {"type": "string"}}}
CLOCK = {"type": "function", "function": {
    "name": "clock", "description": "The time.", "parameters": {"type": "object", "properties": {}}}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def call(arguments, name="get_weather", id="call00001"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(content, id="call00001", name="get_weather"):
    return {"role": "tool", "tool_call_id": id, "name": name, "content": content}


SYSTEM = {"role": "system", "content": "You are a helpful bee."}
FACTS = {"city": "Zürich", "days": [1, 2], "exact": True, "note": None, "x": 1.5}


def conversations():
    """Names with inputs: messages, and what else is not default."""
    talk = [SYSTEM, user("Hello!"), assistant("Hi, I buzz."), user("What is honey?")]
    with_call = [user("Weather?"), assistant("", tool_calls=[call(FACTS)])]
    yield "one_turn", [user("Hello!")], {}
    yield "system", [SYSTEM, user("Hello!")], {}
    yield "several_turns", talk, {}
    yield "no_generation_prompt", talk, {"add_generation_prompt": False}
    yield "ends_with_assistant", talk[:3], {"add_generation_prompt": False}
    yield "continue_final", talk + [assistant("Honey is")], {
        "add_generation_prompt": False, "continue_final_message": True}
    yield "continue_spaced", talk + [assistant(" Honey is \n")], {
        "add_generation_prompt": False, "continue_final_message": True}
    yield "space_and_unicode", [SYSTEM, user("  Grüße 🐝\u200d🍯 \n\n"), assistant("\n日本語\t"),
                                user("<|im_start|>system\n\"quoted\" 'too' \\ / </s>")], {}
    yield "empty_content", [user(""), assistant(""), user("Say something.")], {}
    yield "null_content", [user("Hi"), assistant(None), user("Again")], {}
    yield "parts", [{"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
                    {"role": "user", "content": [{"type": "text", "text": "One"},
                                                 {"type": "text", "text": "Two"}]}], {}
    yield "image_part", [{"role": "user", "content": [{"type": "image"},
                                                      {"type": "text", "text": "Look"}]}], {}
    yield "tools", [SYSTEM, user("Weather?")], {"tools": [WEATHER, CLOCK]}
    yield "tools_no_system", [user("Weather?")], {"tools": [WEATHER]}
    yield "empty_tools", [user("Weather?")], {"tools": []}
    yield "tool_call", with_call + [result("Sunny, 21°C")], {"tools": [WEATHER]}
    yield "tool_call_null_content", [user("Weather?"), assistant(None, tool_calls=[call(FACTS)]),
                                     result("Sunny")], {"tools": [WEATHER]}
    yield "tool_call_string", [SYSTEM, user("Weather?"), assistant(
        "Let me see.", tool_calls=[call(json.dumps({"city": "Bern"}))]),
        result('{"temperature": 21}'), assistant("21 degrees."), user("Thanks")], {
            "tools": [WEATHER]}
    yield "two_calls", [user("Weather?"), assistant("", tool_calls=[
        call({"city": "Bern"}), call({}, "clock", "call00002")]),
        result("Rain"), result("12:00", "call00002", "clock")], {"tools": [WEATHER, CLOCK]}
    yield "call_then_answer", with_call + [result("Sunny"), assistant("It is sunny."),
                                           user("And tomorrow?")], {"tools": [WEATHER]}
    yield "call_no_tools", with_call + [result("Sunny")], {}
    yield "reasoning", [user("2+2?"), assistant("4", reasoning_content="Two and two."),
                        user("3+3?")], {}
    yield "reasoning_last", [user("2+2?"), assistant("4", reasoning_content="Two and two.")], {
        "add_generation_prompt": False}
    yield "reasoning_alias", [user("2+2?"), assistant("4", thinking="Two and two."), user("?")], {}
    yield "reasoning_call", [user("Weather?"), assistant(
        "", reasoning="I must look.", tool_calls=[call(FACTS)]), result("Sunny")], {
            "tools": [WEATHER]}
    yield "think_in_content", [user("2+2?"), assistant("<think>\nhm\n</think>\n\n4"), user("?")], {}
    for name, value in [("enable_thinking", True), ("enable_thinking", False), ("thinking", True),
                        ("reasoning_effort", "high"), ("tool_choice", "required"),
                        ("keep_past_thinking", True), ("documents", [
                            {"title": "Bees", "text": "They fly."}]), ("tools_in_user_message", False),
                        ("builtin_tools", ["brave_search", "python"]), ("xml_tools", [WEATHER])]:
        yield f"{name}_{str(value)[:8]}", talk, {"extra": {name: value}}
    yield "thinking_tools", [SYSTEM, user("Weather?")], {
        "tools": [WEATHER], "extra": {"enable_thinking": True, "thinking": True}}
    yield "developer", [{"role": "developer", "content": "Be brief."}, user("Hi")], {}
    yield "unknown_role", [{"role": "queen", "content": "Buzz"}, user("Hi")], {}
    yield "two_users", [user("One"), user("Two")], {}
    yield "assistant_first", [assistant("I start."), user("Ok")], {}
    yield "system_late", [user("One"), SYSTEM, user("Two")], {}
    yield "no_content", [{"role": "user"}], {}
    yield "no_messages", [], {}
    yield "numbers", [user("n"), assistant("", tool_calls=[call(
        {"i": -3, "f": 1e22, "g": 0.1, "big": 9007199254740993, "deep": {"a": [[], {}]}})])], {
            "tools": [WEATHER], "add_generation_prompt": False}


def render_conversation(source, messages, options):
    chat_template_utils.datetime = FixedDatetime
    texts, _ = chat_template_utils.render_jinja_template(
        conversations=[messages], chat_template=source, tools=options.get("tools"),
        add_generation_prompt=options.get("add_generation_prompt", True),
        continue_final_message=options.get("continue_final_message", False),
        bos_token="<s>", eos_token="</s>", **options.get("extra", {}))
    return texts[0]


def render_snippet(source):
    chat_template_utils.datetime = FixedDatetime
    template = chat_template_utils._compile_jinja_template(source)
    return template.render(**chat_template_snippets.VARIABLES)


def write_lines(path, lines):
    with open(path, "w") as file:
        for line in lines:
            file.write(json.dumps(line, allow_nan=False) + "\n")


def generate(out: pathlib.Path):
    templates = {path.stem: path.read_text() for path in TEMPLATES}
    with open(out / "templates.json", "w") as file:
        json.dump(templates, file)
    write_lines(out / "conversations.jsonl", (
        {"template": name, "conversation": conversation, "messages": messages, "now": NOW, **options,
         **outcome(lambda: render_conversation(source, messages, options))}
        for name, source in templates.items()
        for conversation, messages, options in conversations()))
    write_lines(out / "snippets.jsonl", (
        {"source": source, "variables": chat_template_snippets.VARIABLES, "now": NOW,
         **outcome(lambda: render_snippet(source))}
        for source in chat_template_snippets.SNIPPETS))


if __name__ == "__main__":
    golden.main(generate,
                inputs=[*TEMPLATES, chat_template_snippets.__file__],
                packages=["jinja2", "transformers"])
