"""Skep's chat templates beside Python's jinja2, as transformers sets it up: renders a second.

    tests/bench/chat_template/compare_jinja2.py BUILD/tests/bench/chat_template/chat_template_bench \\
        [--seconds 0.3] [--all]

For real templates from the llama.cpp source: an ordinary chat (a system prompt and four turns), and
one with tools, a call and its result. --all takes every template that renders them. Both count
their own processor time on one core, one after the other; Python's template is compiled before the clock starts, as Skep's is.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests/golden"))

import chat_template_conversations  # noqa: E402
import golden  # noqa: E402
from transformers.utils import chat_template_utils  # noqa: E402

SOME = ["Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B", "meta-llama-Llama-3.1-8B-Instruct", "openai-gpt-oss-120b",
        "deepseek-ai-DeepSeek-V3.1", "mistralai-Mistral-Nemo-Instruct-2407", "GLM-4.6", "Kimi-K2-Instruct",
        "google-gemma-2-2b-it", "ibm-granite-granite-3.3-2B-Instruct"]


def conversations():
    made = {name: (messages, options) for name, messages, options in chat_template_conversations.conversations()}
    text = "Bees gather nectar from flowers and turn it into honey, which feeds the hive in winter. " * 4
    chat = [{"role": "system", "content": "You are a helpful bee."}]
    for i in range(4):
        chat.append({"role": "user", "content": f"Question {i}: {text}"})
        chat.append({"role": "assistant", "content": f"Answer {i}: {text}"})
    yield "chat", chat[:-1], None
    messages, options = made["tool_call"]
    yield "tools", messages, options["tools"]


def python_rate(template, messages, tools, seconds):
    render = lambda: template.render(messages=messages, tools=tools, documents=None, bos_token="<s>",
                                     eos_token="</s>", add_generation_prompt=True)
    text = render()
    count, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds:
        render()
        count += 1
    return count / passed, text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("bench", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    cases, rows = [], []
    for path in sorted((golden.LLAMA_CPP / "models/templates").glob("*.jinja")):
        if not args.all and path.stem not in SOME:
            continue
        source = path.read_text()
        for name, messages, tools in conversations():
            try:
                template = chat_template_utils._compile_jinja_template(source)
                rate, _ = python_rate(template, messages, tools, args.seconds)
            except Exception:  # a template that refuses such a conversation
                continue
            cases.append({"template": source, "messages": messages, "tools": tools})
            rows.append((path.stem, name, rate))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(cases, file)
        file.flush()
        lines = subprocess.run([args.bench, file.name, str(args.seconds)], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.splitlines()
    print(f"{'template':45} {'talk':6} {'bytes':>7} {'jinja2/s':>9} {'Skep/s':>9} {'ratio':>6} {'compile ms':>10}")
    ratios, rates = [], []
    for (stem, name, python), line in zip(rows, lines):
        skep = json.loads(line)
        rate = skep["renders_per_second"]
        ratios.append(rate / python)
        if name == "chat":
            rates.append(rate)
        print(f"{stem[:45]:45} {name:6} {skep['bytes']:7} {python:9.0f} {rate:9.0f} {rate / python:6.1f} "
              f"{skep['compile_seconds'] * 1e3:10.2f}")
    print(f"\nordinary chat: Skep's slowest {min(rates):.0f}/s, median {statistics.median(rates):.0f}/s; "
          f"ratio to jinja2: median {statistics.median(ratios):.1f}, least {min(ratios):.1f}")


if __name__ == "__main__":
    main()
