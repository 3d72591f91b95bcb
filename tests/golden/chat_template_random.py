"""Templates made at random, always the same ones, that combine everything the language has.

Expressions are drawn by the type they should have, so that most templates render; now and then a
wrong type or a name that does not exist slips in, so that errors are drawn as well.
"""
import random

WORDS = ["a", "Bee", "wörld", " x ", "a,b,,c", "<|im_start|>", "ÄÖ\n", "", "it's", "\"q\"", "1", "42", "3.5",
         "one two  three", "🐝", "\t", "ß", "a\\nb"]
INT_NAMES = ["n", "zero", "xs[0]", "name|length", "people[1].age"]
LOOP_NAMES = ["loop.index", "loop.index0", "loop.length", "loop.revindex"]
SETUP = "{% set x, y, zs = 'ex', 2, ['z', 1, 'q'] %}{% set ns = namespace(s='S', i=0) %}"
STR_NAMES = ["name", "text", "uni", "lines", "d.a", "words[1]", "people[0].name", "html", "x", "y", "ns.s"]
LIST_NAMES = ["xs", "words", "people", "nested", "d.C", "range(4)|list", "zs"]
DICT_NAMES = ["d", "people[0]", "items", "{'k': n, 'z': name}"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.loops = 0

    def pick(self, *options):
        return self.random.choice(options)

    def chance(self, share):
        return self.random.random() < share

    def literal(self):
        word = self.pick(*WORDS).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
        quote = "'" if '"' in word or ("'" not in word and self.chance(0.7)) else '"'
        return quote + word.replace(quote, "\\" + quote) + quote

    def small(self):
        return str(self.pick(0, 1, 2, 3, 5, -1, -2, 7))

    # One expression of each type; `depth` is how much deeper it may get.
    def string(self, depth):
        r = self.random.random()
        if depth <= 0 or r < 0.15:
            return self.literal() if self.chance(0.5) else self.pick(*STR_NAMES)
        s, d = self.string, depth - 1
        return self.pick(
            lambda: f"{s(d)} ~ {self.any(d)}", lambda: f"({s(d)} + {s(d)})",
            lambda: f"({s(d)})|{self.string_filter(d)}", lambda: f"({s(d)})|{self.string_filter(d)}",
            lambda: f"({s(d)}).{self.string_method(d)}", lambda: f"({s(d)}).{self.string_method(d)}",
            lambda: f"({s(d)})[{self.slice()}]", lambda: f"({self.list(d)})|join({s(0)})",
            lambda: f"({self.list(d)})|map('string')|join({self.literal()})",
            lambda: f"{self.literal()}.join(({self.list(d)})|map('string'))",
            lambda: f"({s(d)} if {self.boolean(d)} else {s(d)})", lambda: f"({self.any(d)})|string",
            lambda: f"({self.any(d)})|tojson{self.json_style()}",
            lambda: f"({s(d)}) * {self.pick(0, 1, 2, 3)}", lambda: f"({s(d)} or {s(d)})",
            lambda: f"'%s-%5s|%r' % ({s(d)}, {self.any(d)}, {self.any(d)})",
            lambda: f"'{{:>6}}|{{!r}}|{{:<4}}'.format({s(d)}, {self.any(d)}, {self.integer(d)})",
            lambda: f"({s(d)})[{self.small()}]", lambda: f"(({s(d)}).split({self.pick('', self.literal())}))|last",
        )()

    def string_filter(self, d):
        return self.pick(
            "upper", "lower", "title", "capitalize", "trim", "length", "reverse", "escape", "e", "safe",
            "urlencode", "wordcount", "string", "first", "last", "default('x')", "d(none, true)",
            "replace('a', 'b')", "replace('e', '', 1)", f"replace({self.string(0)}, {self.string(0)})",
            f"indent({self.small()})", "indent(2, true)", "indent('> ', blank=true)", f"center({self.pick(4, 9, 12)})",
            f"truncate({self.pick(3, 5, 9)})", "truncate(6, true, '…', 0)", f"trim({self.literal()})", "int", "float",
            "int(7)", "list", "list|length", "format(n)", "forceescape", "count", "unique|join", "sort|join('.')",
            "batch(2)|list", "map('upper')|join", "select('in', 'aeiou')|list", "abs", "round", "tojson", "items")

    def string_method(self, d):
        return self.pick(
            "strip()", "lstrip()", "rstrip()", "upper()", "lower()", "title()", "capitalize()", "swapcase()",
            "split()", "splitlines()", "splitlines(true)", "isdigit()", "isalpha()", "isupper()", "istitle()",
            f"split({self.literal()})", f"split({self.literal()}, 1)", f"rsplit({self.literal()}, 1)[-1]",
            f"partition({self.literal()})", f"rpartition({self.literal()})[2]", f"startswith({self.literal()})",
            f"endswith({self.literal()})", f"find({self.literal()})", f"rfind({self.literal()})",
            f"count({self.literal()})", f"replace({self.literal()}, {self.literal()})", f"strip({self.literal()})",
            f"lstrip({self.literal()})", f"rstrip({self.literal()})", f"removeprefix({self.literal()})",
            f"removesuffix({self.literal()})", f"zfill({self.pick(2, 5)})", f"center({self.pick(3, 8)}, '*')",
            f"ljust({self.pick(3, 8)})", f"rjust({self.pick(3, 8)}, '.')", "expandtabs(4)", f"join({self.list(d)})",
            "isspace()", "encode_it()" if self.chance(0.1) else "lower()", "index('e')" if self.chance(0.3) else "upper()")

    def slice(self):
        part = lambda: self.pick("", "", self.small())
        return self.pick(f"{part()}:{part()}", f"{part()}:{part()}:{self.pick('', '1', '2', '-1', '-2')}")

    def json_style(self):
        return self.pick("", "", "", "(indent=2)", "(indent=4)", "(ensure_ascii=true)", "(sort_keys=true)",
                         "(separators=(',', ':'))", "(indent=1, sort_keys=true)", "(indent='\\t')", "(ensure_ascii=false)")

    def integer(self, depth):
        if depth <= 0 or self.chance(0.2):
            return self.small() if self.chance(0.5) else self.pick(*INT_NAMES, *LOOP_NAMES * bool(self.loops))
        i, d = self.integer, depth - 1
        return self.pick(
            lambda: f"({i(d)} {self.pick('+', '-', '*', '//', '%')} {i(d)})", lambda: f"({i(d)} / {i(d)})",
            lambda: f"({self.list(d)})|length", lambda: f"({self.string(d)})|length",
            lambda: f"({self.list(d)})|sum", lambda: f"({i(d)})|abs", lambda: f"-({i(d)})",
            lambda: f"({i(d)} ** 2)", lambda: f"({i(d)})|float", lambda: f"({i(d)} / 3)|round({self.pick(0, 1, 2)})",
            lambda: f"({self.string(d)})|int", lambda: f"({self.list(d)})|{self.pick('first', 'last', 'min', 'max')}",
            lambda: f"(f * {i(d)})", lambda: f"({self.string(d)})|float",
            lambda: f"({i(d)} if {self.boolean(d)} else {i(d)})")()

    def list(self, depth):
        if depth <= 0 or self.chance(0.2):
            return self.pick(*LIST_NAMES)
        l, d = self.list, depth - 1
        return self.pick(
            lambda: f"[{self.any(d)}, {self.any(d)}]", lambda: f"({self.any(d)}, {self.any(d)})", lambda: "[]",
            lambda: f"({l(d)})[{self.slice()}]", lambda: f"({l(d)})|reverse|list", lambda: f"({l(d)} + {l(d)})",
            lambda: f"({l(d)})|map({self.pick(chr(39) + 'upper' + chr(39), chr(39) + 'string' + chr(39), 'attribute=' + chr(39) + 'name' + chr(39), chr(39) + 'length' + chr(39))})|list",
            lambda: f"({l(d)})|{self.pick('select', 'reject')}({self.test_name()})|list",
            lambda: f"({l(d)})|{self.pick('selectattr', 'rejectattr')}('{self.pick('age', 'at', 'at.city')}', {self.test_name()})|list",
            lambda: f"({l(d)})|sort", lambda: f"({l(d)})|sort(attribute='age', reverse=true)",
            lambda: f"({l(d)})|unique|list", lambda: f"({l(d)})|batch({self.pick(1, 2, 3)}, 'f')|list",
            lambda: f"({l(d)})|slice({self.pick(1, 2, 3)})|list", lambda: f"range({self.integer(d)})|list",
            lambda: f"({l(d)})|groupby('{self.pick('age', 'name', 'at.city')}')", lambda: f"({self.dict(d)})|dictsort",
            lambda: f"({self.dict(d)}).{self.pick('keys', 'values', 'items')}()", lambda: f"({self.dict(d)})|items|list",
            lambda: f"({self.string(d)})|list", lambda: f"({self.string(d)}).split()", lambda: f"({l(d)})|list",
            lambda: f"({l(d)})|map(attribute='{self.pick('age', 'at.city', '0')}', default='?')|list")()

    def dict(self, depth):
        if depth <= 0 or self.chance(0.3):
            return self.pick(*DICT_NAMES)
        return self.pick(
            lambda: f"{{{self.literal()}: {self.any(depth - 1)}, 'q': {self.any(depth - 1)}}}",
            lambda: f"dict({self.dict(depth - 1)}, extra={self.any(depth - 1)})",
            lambda: f"dict(a={self.any(depth - 1)})", lambda: "{}",
            lambda: f"({self.list(depth - 1)})|first", lambda: f"({self.dict(depth - 1)}).copy()")()

    def test_name(self):
        return self.pick("'odd'", "'even'", "'string'", "'number'", "'mapping'", "'in', [1, 2, 'fig', 30]", "'eq', 30",
                         "'gt', 1", "'none'", "'defined'", "'sequence'", "'ne', 3", "'divisibleby', 2")

    def boolean(self, depth):
        if depth <= 0 or self.chance(0.15):
            return self.pick("t", "zero", "true", "false", "empty", "missing", *["loop.first", "loop.last"] * bool(self.loops), "none")
        b, d = self.boolean, depth - 1
        return self.pick(
            lambda: f"not {b(d)}", lambda: f"({b(d)} and {b(d)})", lambda: f"({b(d)} or {b(d)})",
            lambda: f"{self.integer(d)} {self.pick('<', '<=', '>', '>=', '==', '!=')} {self.integer(d)}",
            lambda: f"{self.string(d)} {self.pick('==', '!=', '<', 'in', 'not in')} {self.string(d)}",
            lambda: f"{self.any(d)} {self.pick('==', '!=')} {self.any(d)}", lambda: f"({self.any(d)}) in {self.list(d)}",
            lambda: f"{self.string(0)} in {self.dict(d)}", lambda: f"1 < {self.integer(d)} <= 30",
            lambda: f"({self.any(d)}) is {self.pick('', 'not ')}{self.test()}")()

    def test(self):
        return self.pick("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping",
                         "sequence", "iterable", "callable", "true", "false", "odd", "even", "divisibleby 3", "eq 3",
                         "eq(name)", "in [1, 7]", "in 'abc'", "sameas none", "upper", "lower", "escaped", "gt 2",
                         "le(7)", "filter", "test", "ne ''", "lessthan 5", "equalto 7")

    def any(self, depth):
        if self.chance(0.03):
            return self.pick("missing", "none_value", "namespace(a=1).a", "missing.x", "xs.nope", "d['no']", "big")
        return self.pick(self.string, self.string, self.integer, self.list, self.dict, self.boolean)(depth)

    # Statements.
    def gap(self):
        return self.pick("", "", " ", "\n", "\n  ", "text ", " é\n", "\t\n", "  {# note #}  ", "{#- n -#}\n", "\r\n", "{ % }")

    def open(self):
        return self.pick("{%", "{%", "{%", "{%-", "{%+")

    def close(self):
        return self.pick("%}", "%}", "%}", "-%}", "+%}")

    def tag(self, text):
        return f"{self.open()} {text} {self.close()}"

    def print(self, depth):
        return f"{self.pick('{{', '{{', '{{-')} {self.any(depth)} {self.pick('}}', '}}', '-}}')}"

    def body(self, depth, in_loop=False):
        loops, self.loops = self.loops, int(in_loop)
        text = "".join(self.gap() + self.statement(depth, in_loop) for _ in range(self.pick(1, 1, 2, 3))) + self.gap()
        self.loops = loops
        return text

    def statement(self, depth, in_loop):
        if depth <= 0 or self.chance(0.3):
            return self.print(2)
        tag, d = self.tag, depth - 1
        inner = lambda loop=in_loop: self.body(d, loop)
        options = [
            lambda: tag(f"if {self.boolean(2)}") + inner() + tag(f"elif {self.boolean(1)}") + inner() + tag("else") + inner() + tag("endif"),
            lambda: tag(f"if {self.boolean(2)}") + inner() + tag("endif"),
            lambda: tag(f"for x in {self.list(2)}") + inner(True) + tag("endfor"),
            lambda: tag(f"for x in {self.list(2)} if {self.boolean(1)}") + inner(True) + tag("else") + inner() + tag("endfor"),
            lambda: tag(f"for x, y in {self.pick('d.items()', 'd|dictsort', 'items|items', '[(1, 2), (3, 4)]', 'xs|batch(2)')}") + inner(True) + tag("endfor"),
            lambda: tag(f"set {self.pick('x', 'y', 'zs')} = {self.any(2)}"),
            lambda: tag("set ns = namespace(s='', i=0)") + tag(f"for x in {self.list(1)}")
            + tag(f"set ns.s = ns.s ~ {self.any(1)}") + tag("set ns.i = ns.i + 1") + inner(True) + tag("endfor") + "{{ ns.s }}{{ ns.i }}",
            lambda: tag(f"set {self.pick('x', 'y')}{self.pick('', '', ' | upper', ' | trim | length')}") + inner() + tag("endset") + "{{ x }}{{ y }}",
            lambda: tag(f"macro m(a, b={self.any(1)}, *c)" if self.chance(0.05) else f"macro m(a, b={self.any(1)})")
            + inner(False) + "{{ a }}{{ b }}{{ varargs }}" + tag("endmacro") + f"{{{{ m({self.any(1)}) }}}}{{{{ m({self.any(1)}, b={self.any(1)}) }}}}{{{{ m(1, 2, 3) }}}}",
            lambda: tag("macro w(a)") + "[{{ caller(a) }}|{{ caller('z') if t }}]" + tag("endmacro")
            + tag(f"call(y) w({self.any(1)})") + inner(False) + "{{ y }}" + tag("endcall"),
            lambda: tag(f"filter {self.pick('upper', 'trim', 'indent(2)', 'replace(' + chr(39) + 'e' + chr(39) + ', ' + chr(39) + 'E' + chr(39) + ')|title', 'length', 'escape')}") + inner() + tag("endfilter"),
            lambda: tag(f"with x = {self.any(1)}, zs = {self.list(1)}") + inner() + tag("endwith"),
            lambda: tag("generation") + inner(False) + tag("endgeneration"),
            lambda: self.pick("{%", "{%-") + " raw " + self.pick("%}", "-%}") + self.gap().replace("{#", "").replace("#}", "") + "{{ x }}{% if %}" + tag("endraw" if self.chance(0.9) else "end raw"),
            lambda: tag("for x in tree recursive") + "{{ x.v }}" + inner(True) + "{{ loop(x.c) }}" + tag("endfor"),
            lambda: "{{ x }}{{ y }}{{ loop.index }}{{ loop.cycle('a', 'b') }}{{ loop.changed(x) }}{{ loop.previtem }}{{ loop.revindex }}" if in_loop else "{{ x }}",
            lambda: self.print(3), lambda: self.print(3),
            lambda: f"{{{{ raise_exception({self.string(1)}) }}}}" if self.chance(0.1) else self.print(2),
            lambda: f"{{{{ strftime_now('{self.pick('%Y-%m-%d', '%H:%M', '%d %b', '%A %B', '%j %U', '%%')}') }}}}",
        ]
        if in_loop:
            options.append(lambda: tag(f"if {self.boolean(1)}") + tag(self.pick("break", "continue")) + tag("endif"))
        return self.pick(*options)()

    def template(self):
        return (SETUP if self.chance(0.95) else "") + self.content()

    def content(self):
        if self.chance(0.4):
            return "|".join("{{ " + self.any(3) + " }}" for _ in range(self.pick(1, 2)))
        text = self.body(3)
        if self.chance(0.05):  # broken
            at = self.random.randrange(len(text) + 1)
            text = text[:at] + self.pick("}", "{%", "'", "(", "|", " is ", "endif", "{{") + text[at + self.pick(0, 1, 3):]
        return text


def templates(count):
    return [Maker(seed).template() for seed in range(count)]
