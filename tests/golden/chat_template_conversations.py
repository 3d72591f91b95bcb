"""Conversations that try what chat templates distinguish."""
import json

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
    yield from more_conversations(talk, with_call)


def more_conversations(talk, with_call):
    """The same ground in other combinations: what one template treats apart, another does not."""
    off = {"add_generation_prompt": False}
    final = {"add_generation_prompt": False, "continue_final_message": True}
    yield "tools_off", with_call + [result("Sunny")], {"tools": [WEATHER], **off}
    yield "ends_with_call", with_call, {"tools": [WEATHER], **off}
    yield "call_parts_result", with_call + [{"role": "tool", "tool_call_id": "call00001", "name": "get_weather",
                                             "content": [{"type": "text", "text": "Sunny"}]}], {"tools": [WEATHER]}
    yield "call_dict_result", with_call + [result({"temperature": 21.5, "sky": "clear"})], {"tools": [WEATHER]}
    yield "call_no_id", [user("Weather?"), assistant("", tool_calls=[
        {"type": "function", "function": {"name": "clock", "arguments": {}}}]),
        {"role": "tool", "content": "12:00"}], {"tools": [CLOCK]}
    yield "call_flat", [user("Weather?"), assistant("", tool_calls=[
        {"name": "clock", "arguments": {"zone": "UTC"}}]), {"role": "tool", "content": "12:00"}], {"tools": [CLOCK]}
    yield "flat_tools", [user("Weather?")], {"tools": [WEATHER["function"], CLOCK["function"]]}
    yield "two_rounds", with_call + [result("Rain"), assistant("", tool_calls=[call({}, "clock", "call00002")]),
                                     result("12:00", "call00002", "clock"), assistant("Rain at noon."),
                                     user("Thanks 🐝")], {"tools": [WEATHER, CLOCK]}
    yield "three_results", [user("Go"), assistant("Now", tool_calls=[
        call({"city": c}, id=f"call0000{i}") for i, c in enumerate(["A", "B\n", "Ç"])])] + [
            result(c, f"call0000{i}") for i, c in enumerate(["1", "", "<|im_end|>"])], {"tools": [WEATHER]}
    yield "tool_first", [result("Sunny"), user("So?")], {"tools": [WEATHER]}
    yield "system_tools_turns", talk + [assistant("Sweet."), user("More?")], {"tools": [WEATHER]}
    yield "reasoning_turns", [user("1"), assistant("one", reasoning_content="r1"), user("2"),
                              assistant("two", reasoning_content="r2\n\n"), user("3")], {}
    yield "reasoning_empty", [user("1"), assistant("one", reasoning_content=""), user("2")], {}
    yield "reasoning_null", [user("1"), assistant("one", reasoning_content=None), user("2")], {}
    yield "reasoning_only", [user("1"), assistant("", reasoning_content="Only thoughts."), user("2")], {}
    yield "reasoning_rounds", [SYSTEM, user("W?"), assistant("", reasoning_content="Look.", tool_calls=[call(FACTS)]),
                               result("Sun"), assistant("Sunny.", reasoning_content="Tell."), user("And?")], {
                                   "tools": [WEATHER]}
    yield "reasoning_no_thinking", [user("1"), assistant("one", reasoning_content="r1"), user("2")], {
        "extra": {"enable_thinking": False, "thinking": False}}
    yield "think_split", [user("1"), assistant("<think>a</think>b</think>c"), user("2"), assistant("<think>open")], off
    yield "continue_reasoning", [user("1"), assistant("One is", reasoning_content="Count.")], final
    yield "continue_user", [user("I am")], final
    yield "continue_parts", [user("Hi"), {"role": "assistant", "content": [
        {"type": "text", "text": "Dear"}, {"type": "text", "text": "Bee,"}]}], final
    yield "continue_empty", [user("Hi"), assistant("")], final
    yield "continue_unicode", [SYSTEM, user("Hi"), assistant("Grüße 🐝\n")], final
    yield "continue_tools", talk + [assistant("It is")], {"tools": [WEATHER], **final}
    yield "parts_mixed", [SYSTEM, {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image"},
                                                               {"type": "text", "text": " here "}]},
                          {"role": "assistant", "content": [{"type": "text", "text": "I see."}]}, user("Good")], {}
    yield "parts_empty", [{"role": "user", "content": []}], {}
    yield "parts_audio", [{"role": "user", "content": [{"type": "audio", "audio_url": "a.wav"},
                                                       {"type": "video"}, {"type": "text", "text": "Hear"}]}], {}
    yield "image_url", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x.png"}}]}], {}
    yield "number_content", [user(5), assistant(True)], {}
    yield "dict_content", [user({"text": "Hi"})], {}
    yield "no_role", [{"content": "Hi"}], {}
    yield "names", [{"role": "system", "content": "S", "name": "sys"}, {"role": "user", "content": "U", "name": "Zoë"},
                    {"role": "assistant", "content": "A", "name": "bot"}], {}
    yield "long_turns", [m for i in range(12) for m in (user(f"Question {i}?"), assistant(f"Answer {i}."))][:-1], {}
    yield "white_space", [{"role": "system", "content": " \n "}, user("\n\na\n\n"), assistant("  b  "), user("\tc")], {}
    yield "controls", [user("nul\0 bell\a \x7f \u0085 \u2028 \ufeff \u200b end"), assistant("\U0010ffff"), user("é e\u0301")], {}
    yield "template_text", [user("{{ 7 * 7 }} {% raw %} {# c #}"), assistant("</tool_call> [/INST] <end_of_turn>"), user("%s {0}")], {}
    yield "two_systems", [SYSTEM, {"role": "system", "content": "Also brief."}, user("Hi")], {}
    yield "system_only", [SYSTEM], {}
    yield "system_empty", [{"role": "system", "content": ""}, user("Hi")], {}
    yield "system_parts_tools", [{"role": "system", "content": [{"type": "text", "text": "Be kind."}]}, user("Hi")], {
        "tools": [WEATHER]}
    yield "assistant_twice", [user("Hi"), assistant("One."), assistant("Two."), user("Ok")], {}
    yield "function_role", [user("Hi"), {"role": "function", "name": "clock", "content": "12:00"}], {}
    yield "developer_tools", [{"role": "developer", "content": "Be brief."}, user("Hi")], {"tools": [CLOCK]}
    for name, value in [("reasoning_effort", "low"), ("reasoning_effort", "none"), ("model_identity", "You are Bee."),
                        ("thinking_budget", 0), ("thinking_budget", 100), ("think", False), ("clear_thinking", False),
                        ("preserve_thinking", True), ("date_string", "1 May 2030"), ("add_vision_id", True),
                        ("available_tools", [WEATHER]), ("tools_prompt", "Use: "), ("add_thoughts", True),
                        ("controls", {"length": "short", "originality": "high"}), ("citations", True),
                        ("enable_citations", True), ("safety_mode", "none"), ("bos_token", "<b>"), ("reasoning", True)]:
        yield f"{name}_is_{str(value)[:8]}", talk, {"extra": {name: value}}
        yield f"{name}_is_{str(value)[:8]}_tools", with_call + [result("Sunny")], {
            "tools": [WEATHER], "extra": {name: value}}
    yield "odd_schema", [user("Hi")], {"tools": [{"type": "function", "function": {
        "name": "f", "description": "", "strict": True, "parameters": {
            "type": "object", "properties": {
                "a": {"type": ["string", "null"], "description": "line\nbreak", "default": None},
                "b": {"type": "object", "properties": {"c": {"type": "array", "items": {
                    "type": "object", "properties": {"d": {"type": "number", "default": 1.5}}}}}},
                "e": {"anyOf": [{"type": "integer"}, {"type": "string", "enum": ["x", "ü"]}]},
                "g": {"$ref": "#/$defs/G"}, "h": {"type": "array"}, "i": {"type": "boolean", "nullable": True},
                "j": {"enum": [1, 2.5, None, True]}, "k": {"type": "string", "maxLength": 5, "format": "date"}},
            "$defs": {"G": {"type": "string"}}, "required": ["a", "e"], "additionalProperties": False}}}]}
    yield "no_parameters", [user("Hi")], {"tools": [{"type": "function", "function": {
        "name": "f", "description": "No parameters."}}]}
    yield "no_description", [user("Hi")], {"tools": [{"type": "function", "function": {
        "name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}]}
    yield "call_odd_arguments", [user("Hi"), assistant(None, tool_calls=[call(
        {"s": "q\"\\\n<é>", "n": None, "b": False, "l": [1, [2]], "f": -0.0, "e": 1e-7, "z": ""})]), result("ok")], {
            "tools": [WEATHER]}
    yield "call_bad_json", [user("Hi"), assistant("", tool_calls=[call("{not json")]), result("ok")], {"tools": [WEATHER]}
    yield "call_text_json", [user("Hi"), assistant("", tool_calls=[call('{"city": "Z\\u00fc", "n": 1.0}')]),
                             result('["a", {"b": null}]')], {"tools": [WEATHER]}
