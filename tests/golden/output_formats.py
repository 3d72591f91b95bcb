"""What a model trained on a chat template would write, and what it means.

An assistant's message with known content, reasoning and tool calls is rendered by every template of
llama.cpp's collection; what follows the generation prompt is the model's output for that message.
cases.jsonl: template, prompt_end (what the prompt ends with), output, tools, and the message's own
parts as far as the template shows them. templates.json: the sources by name.
"""
import json
import pathlib
import re

import jinja2.sandbox

# Some templates build lists with append(), which the sandbox of transformers forbids.
jinja2.sandbox.ImmutableSandboxedEnvironment = jinja2.sandbox.SandboxedEnvironment

import golden  # noqa: E402
import chat_templates  # noqa: E402


def schema(name, **types):
    return {"type": "function", "function": {
        "name": name, "description": f"Does {name}.", "parameters": {
            "type": "object", "properties": {key: {"type": type, "description": key}
                                             for key, type in types.items()}, "required": []}}}


TOOLS = [
    schema("get_weather", city="string", days="array", exact="boolean", x="number", n="integer",
           where="object", code="string"),
    schema("clock"),
    schema("write_file", path="string", text="string"),
]
WEATHER = {"city": "Zürich", "days": [1, 2], "exact": True, "x": 1.5, "n": -3, "where": {"lat": 1}}
CALLS = {
    "plain": [("get_weather", WEATHER)],
    "empty": [("clock", {})],
    "two": [("get_weather", WEATHER), ("clock", {})],
    "three": [("clock", {}), ("get_weather", {"city": "Bern"}), ("clock", {})],
    "same": [("get_weather", {"city": "Bern"}), ("get_weather", {"city": "Basel"})],
    # Strings that look like something else.
    "typed": [("get_weather", {"city": "12", "code": "true"})],
    "blank": [("get_weather", {"city": "", "code": " a  b "})],
    "text": [("write_file", {"path": "a/b.txt", "text": "{\"a\": [1, 2}} and ] (c) <b> & d"})],
    "lines": [("write_file", {"path": "a.py", "text": "def f(x):\n    return \"\\n\"\n\nf(1)"})],
    "unicode": [("write_file", {"path": "蜂蜜🐝.md", "text": "ünï ｜▁ \u2028 e\u0301 👩‍🚀"})],
    "long": [("write_file", {"path": "b", "text": "Bees make honey, é. " * 20})],
}
REASONING = "I must look: {first} <b>things</b> first.\n\nThen answer."
CONTENT = "Let me see [1] what {this} is."
USER = {"role": "user", "content": "Weather?"}

# What ends a turn: a token the engine stops at, never part of the output's text.
ENDS = ["<|im_end|>", "<|eot_id|>", "<|eom_id|>", "</s>", "<|END_OF_TURN_TOKEN|>", "<|end_of_text|>",
        "<seed:eos>", "<｜end▁of▁sentence｜>", "<|message_sep|>", "<end_of_turn>", "<turn|>",
        "<|tool_response>", "[e~[", "<|return|>", "<|call|>", "<|eot|>", "</assistant>",
        "<|role_end|>", "<sep>", "<SPECIAL_12>", "<end_of_sentence>", "<|end_of_msg|>",
        "<｜hy_eos:opensource｜>", "<|assistant_end|>", "<|start_of_role|>"]
# Templates that change what they are given, so that it cannot be had back.
CHANGED = {
    # In a message with calls the content is the reasoning.
    "openai-gpt-oss-120b": lambda m: m.get("tool_calls") and m["content"],
    # Strings stand between quotes without escapes, or are trimmed.
    "LFM2.5-8B-A1B": lambda m: uses(m, "text", "lines"),
    # Nothing tells text from markup.
    "MiniMax-M3": lambda m: uses(m, "blank"),
}
# Templates that write the beginning of the thoughts only where the model is to go on, and how these
# end.
KEEP_PROMPT = {"Apriel-1.6-15b-Thinker-fixed": "[BEGIN FINAL RESPONSE]"}
REASONING_KEYS = ["reasoning_content", "thinking", "reasoning"]
EXTRAS = [{}, {"enable_thinking": True, "thinking": True}]


def uses(message, *names):
    calls = [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls", [])]
    return any(calls == CALLS[name] for name in names)


def messages():
    def message(content, reasoning, calls, as_text):
        out = {"role": "assistant", "content": content}
        if reasoning:
            out.update({key: reasoning for key in REASONING_KEYS})
        if calls:
            out["tool_calls"] = [
                {"id": f"call0000{i}", "type": "function", "function": {
                    "name": name, "arguments": json.dumps(args, ensure_ascii=False) if as_text else args}}
                for i, (name, args) in enumerate(calls)]
        return out
    yield lambda as_text: message(CONTENT, "", [], as_text)
    yield lambda as_text: message(CONTENT, REASONING, [], as_text)
    for calls in CALLS.values():
        yield lambda as_text, calls=calls: message("", "", calls, as_text)
    for content, reasoning in [(CONTENT, ""), ("", REASONING), (CONTENT, REASONING)]:
        for name in ["plain", "two"]:
            yield lambda as_text, c=content, r=reasoning, n=name: message(c, r, CALLS[n], as_text)


def render(source, conversation, extra, **options):
    return chat_templates.render_conversation(
        source, conversation, {"tools": TOOLS, "extra": extra, **options})


def common_prefix(a, b):
    """Of two texts, not ending inside a marker."""
    n = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return re.sub(r"<[^<>]*$", "", a[:n])


def without_end(text):
    while True:
        text = text.rstrip()
        end = next((end for end in [*ENDS, "<|end|>"] if text.endswith(end)), None)
        if end is None:
            return text
        text = text[:-len(end)]


def output_of(name, source, message, extra):
    """What the prompt ends with, and the output behind it."""
    before = render(source, [USER], extra, add_generation_prompt=False)
    prompt = render(source, [USER], extra)
    whole = render(source, [USER, message], extra, add_generation_prompt=False)
    if not prompt.startswith(before) or not whole.startswith(before):
        return None
    if name in KEEP_PROMPT:
        whole = prompt + whole[len(before + common_prefix(prompt[len(before):], whole[len(before):])):]
    elif not whole.startswith(prompt):
        prompt = before + common_prefix(prompt[len(before):], whole[len(before):])
    output = without_end(whole[len(prompt):])
    # Rendered as several turns.
    if any(end in output for end in ENDS):
        return None
    return prompt[len(before):], output


def cases(name, source):
    seen = set()
    for make in messages():
        for extra in EXTRAS:
            for as_text in [False, True]:  # some templates want the arguments as text
                message = make(as_text)
                calls = message.get("tool_calls", [])
                if as_text and not calls or CHANGED.get(name, lambda m: False)(make(False)):
                    continue
                try:
                    found = output_of(name, source, message, extra)
                except Exception:  # the template does not take such a message
                    continue
                if found is None:
                    continue
                prompt_end, output = found
                plain = make(False).get("tool_calls", [])
                # What the template leaves out, nobody can find.
                names = [call["function"]["name"] for call in plain]
                if any(output.count(one) < names.count(one) for one in names):
                    continue
                # Thoughts that the model had to end, left out.
                opened = re.search(r"<think>\s*$", prompt_end) or name in KEEP_PROMPT
                if opened and KEEP_PROMPT.get(name, "</think>") not in output:
                    continue
                if as_text and json.dumps(calls[0]["function"]["arguments"]) in output:
                    continue  # text in the place of an object
                if (prompt_end, output) in seen:
                    break
                seen.add((prompt_end, output))
                reasoning = message.get("reasoning", "")
                yield {"template": name, "prompt_end": prompt_end, "output": output,
                       "content": message["content"] if message["content"] in output else "",
                       "reasoning": reasoning if reasoning in output else "",
                       "calls": [[c["function"]["name"], c["function"]["arguments"]] for c in plain]}
                break


def generate(out: pathlib.Path):
    templates = {path.stem: path.read_text() for path in chat_templates.TEMPLATES}
    (out / "templates.json").write_text(json.dumps(templates))
    (out / "tools.json").write_text(json.dumps(TOOLS))
    chat_templates.write_lines(out / "cases.jsonl", (
        case for name, source in templates.items() for case in cases(name, source)))


if __name__ == "__main__":
    golden.main(generate, inputs=[*chat_templates.TEMPLATES, chat_templates.__file__],
                packages=["jinja2", "transformers"])
