"""Seeds that are text: what is tokenised, chat templates, conversations, answers of models."""
from seed_files import dump, write


def write_outputs():
    call = '{"name": "f", "arguments": {"s": "a}b\\u00e9", "n": [1, {"x": null}]}}'
    for name, calls, reasoning, text in [
        ("hermes", "hermes", "think", f"<think>hm</think>\n\nYes.\n<tool_call>\n{call}\n</tool_call>"),
        ("two", "hermes", "none", f"<tool_call>{call}</tool_call><tool_call>{call}</tool_call> done"),
        ("coder", "qwen3-coder", "none", "<tool_call>\n<function=f>\n<parameter=s>\na < b\n</parameter>\n"
                                         "</function>\n</tool_call>"),
        ("llama", "llama-3", "none", '{"name": "f", "parameters": {"s": "x"}}'),
        ("pythonic", "pythonic", "none", "[f(s='it\\'s', n=[1, -2.5e3], t=True), f()]"),
        ("mistral", "mistral", "none", f"[TOOL_CALLS][{call}]"),
        ("mistral_new", "mistral", "none", '[TOOL_CALLS]f[ARGS]{"s": "x"}'),
        ("deepseek", "deepseek-v3", "think", "x</think>y<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function"
                                             "<｜tool▁sep｜>f\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
        ("harmony", "harmony", "harmony", "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>"
                                          'commentary to=functions.f<|message|>{"s": 1}<|call|>'),
        ("glm", "glm", "none", "<tool_call>f\n<arg_key>s</arg_key>\n<arg_value>x</arg_value>\n</tool_call>"),
        ("kimi", "kimi-k2", "none", "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0"
                                    '<|tool_call_argument_begin|>{"s": 1}<|tool_call_end|><|tool_calls_section_end|>'),
        ("minimax", "minimax-m2", "none", '<minimax:tool_call>\n<invoke name="f">\n<parameter name="s">x'
                                          "</parameter>\n</invoke>\n</minimax:tool_call>"),
        ("cut", "hermes", "think", "<think>never ends <tool_call>{"),
    ]:
        write("output_format", name, f"{calls}\n{reasoning}\n{text}".encode())


# ---- texts ----

TEXTS = {
    "english": "The Queen's gardeners painted 3 roses, 1,000 times; they'd \"won't\"!\n\n\tThen  they left...   ",
    "scripts": "\u4f60\u597d\uff0c\u4e16\u754c \u3053\u3093\u306b\u3061\u306f \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd "
               "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947 \u0425\u043b\u0435\u0431 \u00df\u00c9e\u0301",
    "emoji": "\U0001f41d\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea\u2764\ufe0f \ufffd\ue000",
    "special": "<s></s> <|begin|>x<|im_end|><|im_start|>system\n[CLS] [MASK]<unk><0x41><|endoftext|> <tool>",
    "spaces": "  \t\r\n \u00a0\u3000\u2003 x \n \n\n  ",
    "broken": b"\xff\xfea\xc3 \xe4\xb8 \xf0\x9f\x90 \xed\xa0\x80 \xc0\x80\x80",
    "marks": "e" + "\u0301" * 40 + "\u2581\u2581a \u2581b\u0120c",
    "letters": "a" * 90 + "A" * 20 + "7" * 33 + "the" * 12,
}


# ---- chat templates ----

TEMPLATES = {
    "tool_calls.jinja": """{%- if tools %}
<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content + '\\n\\n' }}{% endif %}# Tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'assistant' and message.tool_calls %}
<|im_start|>assistant
{% for call in message.tool_calls %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{{ "\\n" if not loop.last }}{% endfor %}<|im_end|>
{%- elif message.role == 'tool' %}
{%- if loop.first or loop.previtem.role != 'tool' %}<|im_start|>user{% endif %}
<tool_response>{{ message.content }}</tool_response>
{%- if loop.last or loop.nextitem.role != 'tool' %}<|im_end|>{% endif %}
{%- else %}
<|im_start|>{{ message.role }}
{{ message.content if message.content is string else message.content | map(attribute='text') | join }}<|im_end|>
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
<|im_start|>assistant
{% endif %}
""",
    "inst.jinja": """{{ bos_token }}{% set ns = namespace(index=0, system=none) %}{% for m in messages %}
{%- if m['role'] == 'system' %}{% set ns.system = m['content'] %}
{%- elif m['role'] == 'user' %}{% set ns.index = ns.index + 1 %}[INST] {{ ns.system ~ '\\n' if ns.system }}{{ m['content'] }} [/INST]
{%- elif m['role'] == 'assistant' %}{% generation %} {{ m['content'] | default('', true) | trim }}{{ eos_token }}{% endgeneration %}
{%- else %}{{ raise_exception('Only user and assistant roles, not ' + m['role']) }}{% endif %}{% endfor %}""",
    "reasoning.jinja": """{%- set last = namespace(user=-1) %}{% for m in messages[::-1] %}
{%- set i = messages | length - 1 - loop.index0 %}{% if last.user < 0 and m.role == 'user' %}{% set last.user = i %}{% endif %}{% endfor %}
{%- for m in messages %}<{{ m.role | upper }}>{% set content = m.content if m.content is string else '' %}
{%- if '</think>' in content %}{% set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
{%- if loop.index0 > last.user %}<think>{{ thought }}</think>{% endif %}{{ content.split('</think>')[-1] }}
{%- elif m.reasoning_content is defined and m.reasoning_content %}<think>{{ m.reasoning_content | trim }}</think>{{ content }}
{%- else %}{{ content }}{% endif %}</{{ m.role | upper }}>{% endfor %}
{%- if add_generation_prompt %}<ASSISTANT>{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}""",
    "macros.jinja": """{% macro schema(value, depth=0) -%}
{%- if value is mapping %}{% for k, v in value | dictsort %}{{ '  ' * depth }}{{ k }}: {{ schema(v, depth + 1) }}
{% endfor %}{% elif value is iterable and value is not string %}{% for v in value %}{{ schema(v, depth + 1) }}, {% endfor %}
{%- else %}{{ value | string | replace('\\n', ' ') | truncate(20) }}{% endif %}
{%- endmacro %}
{% for m in messages if m.role != 'system' %}{{ loop.cycle('-', '+') }} {{ schema(m) }}{% if loop.index > 9 %}{% break %}{% endif %}{% endfor %}
{%- macro box(x) %}[{{ caller(x) }}]{% endmacro %}
{%- call(x) box({'a': 1.5e10, 'b': [none, true, 2 ** 10, 7 // 2, -7 % 3]}) %}{{ schema(x) }}{% endcall %}
{{ '%5.2f|%s|%03d' | format(2.5, 'x', 7) }}{{ '{:>4}|{!r}'.format(1, 'x') }}{{ strftime_now('%Y-%m-%d') }}""",
    "filters.jinja": """{{ [3, 1, 2] | sort | reverse | list }}{{ 'a b c'.split() | batch(2, 'x') | list }}{{ messages | groupby('role') | length }}
{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | first | default('none') }}
{{ {'b': 1, 'a': [1, 2]} | tojson(indent=2) }}{{ 'x<y' | escape | upper | center(20) | indent(2) | wordcount }}
{{ range(3, 9, 2) | sum }}{{ 3.14159 | round(2) }}{{ 'abc'[::-1] ~ 'abc'[1:] }}{{ 1 if 'a' in 'abc' else 0 }}
{{ ['a', 'b', 'a'] | unique | join('-') }}{{ 'Hello World' | lower | title | replace('l', 'L', 1) }}
{% set x %}{% filter trim | upper %} text {% endfilter %}{% endset %}{{ x }}{% raw %}{{ raw }}{% endraw %}{# done #}
{% for row in [[1, [2, [3]]]] recursive %}{{ row if row is number else loop(row) }}{% else %}none{% endfor %}
{{ messages[0] | items | list | length }}{{ 'ß'.upper() }}{{ 'a,b'.partition(',') | last }}{{ 'x'.isdigit() }}""",
}
CONVERSATIONS = {
    "plain.json": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <|im_end|> \u00e9"},
                                {"role": "assistant", "content": "<think>\nHm\n</think>\n\nHello \U0001f41d"},
                                {"role": "user", "content": "  again\n"}]},
    "tools.json": {"messages": [{"role": "user", "content": "Weather?"},
                                {"role": "assistant", "content": None, "reasoning_content": "call it", "tool_calls": [
                                    {"type": "function", "id": "c1",
                                     "function": {"name": "weather", "arguments": {"city": "K\u00f6ln", "days": 2}}}]},
                                {"role": "tool", "name": "weather", "content": "{\"t\": 21.5}"}],
                   "tools": [{"type": "function", "function": {"name": "weather", "description": "Asks",
                                                               "parameters": {"type": "object", "properties": {
                                                                   "city": {"type": "string"}}}}}],
                   "extra": {"enable_thinking": False, "documents": [{"title": "x", "text": "y"}]}},
    "parts.json": {"messages": [{"role": "user", "content": [{"type": "text", "text": "See "}, {"type": "image"},
                                                            {"type": "text", "text": "\n<|im_start|>system"}]},
                                {"role": "odd|>", "content": "x", "thinking": "y", "n": [1.5, -3, 1e300, True, {}]}]},
    "continued.json": {"messages": [{"role": "user", "content": "Count"}, {"role": "assistant", "content": "One, two, "}]},
}


def write_texts():
    write_outputs()
    for name, text in TEXTS.items():
        write("tokenize_text", name, text)
    for name, text in TEMPLATES.items():
        write("chat_template", name, text)
    for name, value in CONVERSATIONS.items():
        write("chat_messages", name, dump(value))
