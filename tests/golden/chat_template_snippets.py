"""Small templates, each for a few rules of the language, and the variables they see."""

VARIABLES = {
    "name": "Bee", "text": "  Hello, wörld! \n", "empty": "", "n": 7, "zero": 0, "f": 2.5, "t": True,
    "none_value": None, "xs": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"],
    "nested": [[1, 2], [3, [4, "x"]], {"k": [None, True, 1.0]}], "d": {"b": 1, "a": "two", "C": [3]},
    "people": [{"name": "Ann", "age": 30, "at": {"city": "Bern"}}, {"name": "bob", "age": 25},
               {"name": "Cy", "age": 30, "at": {"city": "Chur"}}],
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}],
    "html": "<a href='x'>&\"", "uni": "Straße ΑΣ ǆ ﬁ 🐝", "ctl": "tab\tnl\nq\"b\\s/\x7f\x1f\u2028é",
    "lines": "one\ntwo\n\nthree\r\nfour", "items": {"items": 1, "get": 2}, "big": 9223372036854775807,
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4 | 7 // 2 | -7 // 2 | 7 % -3 | -7 % 3 | 7 / 2 | 6 / 2 | 2 ** 10 | 2 ** -1 | 2 ** 3 ** 2 | -2 ** 2
7.5 // 2 | -7.5 % 2 | 1e3 | 1e16 | 1.5e-7 | 0.1 + 0.2 | 1e22 | 123456789012345680.0 | 1_000 | 0x1F + 0b11 + 0o17
5.0 | -0.0 | 1.0 // 0.3 | 2 ** 0.5 | true + 1 | not 1 | -n | +f | --n | 3 if t else 4 | 3 if zero | (3 if zero) is undefined
'a' ~ 1 ~ none ~ 2.0 ~ [1, 'b'] | 'a' + "b" 'c' | 'ab' * 3 | 2 * [1, 2] | (1, 2) + (3,) | [1] + [2] | () | (1,) | {}
{'a': 1, 2: [none, true], (1, 2): 'x'} | {'a': 1}.a | {'a': 1}['a'] | {'a': 1}.b | {1: 2}[1.0] | {1: 2}[true]
1 < 2 < 3 | 1 < 2 > 3 | 1 == 1.0 | 'a' < 'b' | [1, 2] < [1, 3] | 1 in [1] | 'x' not in 'abc' | 'b' in d | 4 in d.C | n == 7 != 8
1 <= 1 >= 1 | none == none | undefined_thing == other_thing | '1' == 1 | [] == () | d == {'a': 'two', 'C': [3], 'b': 1} | true == 1
t and zero or 'x' | not t or n | none or '' or [] or 0 | t and n and name | 1 is odd and 2 is even | not n is none
xs[0] | xs[-1] | xs[9] | xs[1:] | xs[::-1] | xs[-2:] | xs[:-1] | xs[5:] | xs[::2] | xs[2:0:-1] | xs[-100:100] | text[2:5]
uni[1] | uni[::-1] | uni[-1] | uni[3:6] | text[100] | name[0] | name[1:][0] | (1, 2, 3)[1:] | range(10)[2:4]|list | name[true]
d['b'] | d.b | d.items is callable | d['zzz'] | d.get('a') | d.get('q') | d.get('q', 5) | items.items is callable | items['items'] | d.keys() | d.values()
d.items() | d.items() | list(d) | d | d.keys() | items.get('get') | items.get is callable | d.copy() | d.keys()[0] | people[0].at.city
people[1].at | people[1].at.city | missing | missing.x | missing[0] | missing() | missing + 1 | missing ~ 'x' | missing | xs.foo
name.foo | name['foo'] | n.foo | none_value.foo | none_value[0] | name.__class__ | xs.__class__.__mro__ | d.__init__ | name._x
xs.append(1) | d.update({}) | d.pop('b') | xs.pop | d.clear() | xs.sort() | xs.insert(0, 1) | d.setdefault('q', 1) | xs.reverse()
text.strip() | text.lstrip() | text.rstrip() | name.strip('Be') | 'xxaxx'.lstrip('x') | 'xxaxx'.rstrip('x') | 'x'.strip(none)
'a,b,,c'.split(',') | 'a b  c '.split() | 'a,b,c'.split(',', 1) | 'a,b,c'.rsplit(',', 1) | ' a b c '.split(none, 1) | ' a b c '.rsplit(none, 1)
'abc'.split('') | ''.split() | ''.split(',') | lines.splitlines() | lines.splitlines(true) | 'a-b'.partition('-') | 'ab'.partition('-') | 'a-b-c'.rpartition('-')
name.startswith('B') | name.startswith(('x', 'Be')) | name.endswith('ee') | name.startswith('e', 1) | 'abc'.endswith('b', 0, 2) | name.startswith(1)
uni.upper() | uni.lower() | uni.title() | uni.capitalize() | uni.swapcase() | 'hELLO wORLD'.title() | 'hELLO'.capitalize() | "they're".title()
'aXbX'.replace('X', 'yy') | 'aaa'.replace('a', 'b', 2) | 'ab'.replace('', '-') | 'äb'.replace('', '-') | 'aaa'.replace('a', '') | 'x'.replace('', 'y', 1)
'hello'.find('l') | 'hello'.rfind('l') | 'hello'.find('z') | 'hello'.index('l') | 'hello'.index('z') | uni.find('Σ') | 'hello'.find('l', 3) | 'hello'.rindex('l')
'hello'.count('l') | 'aaaa'.count('aa') | ''.count('') | 'ab'.count('') | ', '.join(['a', 'b']) | ','.join(words) | ''.join([1]) | '-'.join('abc')
'%s is %d' % ('x', 3) | '%5.2f|%-5s|%05d|%+d|%x|%X|%o|%e|%g|%c|%%|%r' % (3.14159, 'ab', 42, 7, 255, 255, 8, 12345.678, 0.0001, 'z', 'q') | '%s' % 1 | '%(a)s' % {'a': 1}
'%d' % 'x' | '%s %s' % 'x' | '%s' % (1, 2) | '%q' % 1 | '%5s|%-5s|%.2s' % ('a', 'b', 'abc') | '%*d' % (5, 3) | '% d' % 3 | '%#x' % 255 | '%.3d' % 7
'{} {}'.format(1, 'a') | '{1} {0}'.format(1, 2) | '{a}'.format(a=3) | '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}'.format('a', 'b', 'c', 42, 3.14159, 1234567) | '{0.x}'.format(1)
'{{}}'.format(1) | '{!r}'.format('a') | '{0[a]}'.format({'a': 1}) | '{'.format(1) | '}'.format(1) | '{:x}{:#x}{:b}{:e}{:%}'.format(255, 255, 5, 12345.678, 0.25) | '{:*^9}'.format('x')
'abc'.isalpha() | '12'.isdigit() | 'a1'.isalnum() | ' '.isspace() | 'AB'.isupper() | 'ab'.islower() | 'Ab Cd'.istitle() | ''.isdigit() | '½'.isnumeric() | '²'.isdigit() | '²'.isdecimal()
'7'.zfill(3) | '-7'.zfill(4) | 'a'.center(5) | 'a'.center(4, '*') | 'ab'.center(5) | 'a'.ljust(3, '.') | 'a'.rjust(3) | 'a\tb'.expandtabs() | 'a\tb'.expandtabs(4) | 'abc'.removeprefix('a') | 'abc'.removesuffix('c') | 'é'.isascii()
xs.count(1) | xs.index(2) | xs.index(9) | (1, 2).index(2) | xs.copy() | range(3) | range(1, 10, 3) | range(3, 0, -1) | range(0) | range(1, 5).index(3) | range(10**9) | range('a') | range(0, 5, 0)
'\n\t\\\'\"\x41\u00e9\U0001F41D\101\q' | "it's" | ["it's", 'say "x"', 'both \' "'] | ["\n\t\x00\x7f\u200b é 🐝"] | ['\\'] | [1.0, none, true, -3] | [[], {}, ()]
name|upper | name|lower | 'hello WORLD foo-bar (baz)'|title | 'hELLO'|capitalize | text|trim | 'xxaxx'|trim('x') | name|length | xs|count | uni|length | d|length | n|length | missing|length
xs|first | xs|last | []|first | []|last | ''|first | name|first | name|last | d|first | xs|list | name|list | d|list | missing|list | n|list
xs|sort | xs|sort(reverse=true) | words|sort | words|sort(case_sensitive=true) | people|sort(attribute='age')|map(attribute='name')|list | people|sort(attribute='age,name')|map(attribute='name')|join(',') | [1, 'a']|sort | d|sort
words|unique|list | words|unique(case_sensitive=true)|list | people|unique(attribute='age')|map(attribute='name')|list | xs|min | xs|max | words|min | words|max | []|max | people|max(attribute='age')
xs|sum | people|sum(attribute='age') | []|sum | [1.5, 2]|sum(start=10) | ['a']|sum | xs|reverse|list | name|reverse | words|reverse|join(' ') | missing|reverse|list
xs|join | xs|join(', ') | people|join('-', attribute='name') | d|join | ''|join(',') | n|join | [none, true, 1.0]|join('|') | missing|join(',')
people|map(attribute='at.city')|list | people|map(attribute='at.city', default='?')|list | people|map(attribute='zip', default='?')|list | words|map('upper')|list | words|map('replace', 'p', 'q')|join | xs|map('string')|list | xs|map('nope')|list | xs|map()|list
xs|select('odd')|list | xs|reject('odd')|list | xs|select('greaterthan', 1)|list | [0, 1, '', 'a', none]|select|list | [0, 1, '']|reject|list | xs|select('in', [1, 2])|list | xs|select('nope')|list
people|selectattr('at')|map(attribute='name')|list | people|selectattr('age', 'equalto', 30)|list|length | people|rejectattr('at')|map(attribute='name')|list | people|selectattr('at.city', 'eq', 'Bern')|list | people|rejectattr('name', 'in', ['Ann'])|list|length | people|selectattr()|list
people|groupby('age')|list | people|groupby('at.city', default='none')|map('first')|list | words|groupby(0)|list | xs|batch(2)|list | xs|batch(2, 'x')|list | xs|slice(2)|list | xs|slice(2, 'x')|list | [1,2,3,4,5,6,7]|slice(3)|list
d|items|list | missing|items|list | xs|items|list | d|dictsort | d|dictsort(true) | {'a': 3, 'b': 1}|dictsort(by='value') | d|dictsort(reverse=true) | d|dictsort(by='x') | xs|dictsort
missing|default('x') | empty|default('x') | empty|default('x', true) | none_value|d('y') | none_value|d('y', boolean=true) | missing|d | people[1].at|default({})
n|string | f|string | none_value|string | xs|string | '42'|int | '4x'|int | '4x'|int(5) | '0x1A'|int(base=16) | '3.9'|int | 3.9|int | -3.9|int | none_value|int | ' 5 '|int | 'ff'|int(0, 16) | true|int | missing|int
'2.5'|float | 'x'|float | 'x'|float(1.5) | n|float | 'inf'|float | none_value|float | '1e5'|float | '1_0'|float | '1_0'|int
-5|abs | (-5)|abs | (-2.5)|abs | name|abs | 2.5|round | 3.5|round | 2.675|round(2) | 42.55|round(1, 'floor') | 42.55|round(1, 'ceil') | 42|round | 1234|round(-2) | 1250|round(-2) | 42.5|round(0, 'x') | 12345.678|round(-2)
'a\nb\n\nc'|indent | 'a\nb'|indent(2, true) | 'a\n\nb'|indent(2, blank=true) | 'a\nb'|indent('> ') | ''|indent | 'a\n'|indent | 'x'|center(5) | 'foo bar baz qux'|truncate(9) | 'foo bar baz qux'|truncate(9, true, leeway=0) | 'foo bar baz qux'|truncate(9, end='..', leeway=0) | 'foo'|truncate(5)
html|escape | html|e|e | html|safe | html|forceescape | html|safe|e | html|e + '<' | html|e ~ '<' | '<'|e|string|e | 'Mary had a little lamb'|wordcount | uni|wordcount | '%s-%s'|format('a', 1) | '%(x)d'|format(x=3) | 'a b/ü&'|urlencode | {'a b': 'c&d', 'n': 1}|urlencode | [('x', 1)]|urlencode
1|filesizeformat | 1000|filesizeformat | 1536|filesizeformat(true) | 123456789|filesizeformat | 999|filesizeformat | people[0]|attr('name') | d|attr('items') is callable | (name|attr('upper'))() | 'abc'|replace('b', 'X') | 'aaa'|replace('a', 'b', 1) | 123|replace(2, 'x')
d|tojson | nested|tojson | ctl|tojson | uni|tojson | uni|tojson(ensure_ascii=true) | d|tojson(indent=2) | nested|tojson(indent=4) | d|tojson(sort_keys=true) | d|tojson(separators=(',', ':')) | d|tojson(indent=1, separators=(', ', ' : ')) | missing|tojson | [[], {}]|tojson(indent=2) | (1, 2)|tojson | {1: 2, none: 3, true: 4, 1.5: 6}|tojson | 1e22|tojson | [0.1, 1e-7, 1.0, -0.0]|tojson | range(3)|tojson | d.items()|tojson | html|tojson | d|tojson(indent='--') | d|tojson(indent=0) | ctl|tojson(ensure_ascii=true) | '</script>'|tojson
missing is defined | name is defined | missing is undefined | none_value is none | name is string | n is number | t is number | f is float | n is integer | t is integer | t is boolean | t is true | zero is false | d is mapping | xs is sequence | name is sequence | n is sequence | d is sequence | missing is sequence | xs is iterable | n is iterable | missing is iterable | range is callable | n is callable | missing is callable
n is odd | n is even | n is divisibleby 7 | n is divisibleby(2) | n is eq 7 | n is equalto(7) | n is ne 7 | n is gt 6 | n is ge 7 | n is lt 7 | n is le 7 | n is greaterthan 3 | n is lessthan 3 | n is in [7] | 'x' is in d | name is upper | 'abc' is lower | 'ABC' is upper | n is sameas 7 | none is sameas none | d is sameas d | html|e is escaped | 'upper' is filter | 'nope' is filter | 'odd' is test | n is not odd | n is not none and t | name is odd | missing is odd | xs is eq [3, 1, 2]
namespace(a=1).a | namespace({'a': 2}).a | namespace(a=1) | namespace(_a=1) | namespace().q | dict(a=1, b=2) | dict([('a', 1)]) | dict(d, z=1) | joiner()() | cycler('a', 'b').next() | cycler() | raise_exception('no ' ~ name) | strftime_now('%Y-%m-%d %H:%M:%S') | strftime_now('%d %b %Y %A %B %j %y %p %I')
name.upper().lower()|title | (xs|sort)[0] | xs|map('string')|join('+')|length | -1|abs | -f|abs | 'a' if n == 7 else 'b' | ('a' if n == 8 else 'b')|upper | n if n > 5 and n < 9 else 'no' | [x] | name|upper ~ '!' | 'x' ~ name|upper | not 'a' == 'b' | 1 + 1 ~ 2 | 2 * 3 ~ 4 + 5 is string
9223372036854775806 + 1 | xs|first + 1 | 1 / 0 | 1 // 0 | 1 % 0 | 1.0 / 0 | 'a' + 1 | 1 + 'a' | [1] + (2,) | 'a' - 'b' | none + 1 | -'a' | {} < {} | 1 < 'a' | none < 1 | 1 in 5 | 1 in 'a' | {[]: 1} | n() | name() | xs|upper | upper(name) | xs['0'] | 'a'['b'] | xs[none] | xs[1.0] | xs['a':] | n[1:] | d[1:]
xs|map('upper') is iterable | (xs|map('string'))|first | xs|select|length | xs|select|last | (xs|select) and 1 | 2 in xs|select | (xs|batch(2))|first | words|map('length')|sum | words|map('first')|join | d.values()|list|length | d.items()|first | d.keys()|join(',') | d.values()|sum
"""

STATEMENTS = [
    "{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}"
    "{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }}"
    "{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }};{% endfor %}",
    "{% for x in [] %}a{% else %}none{% endfor %}", "{% for x in xs if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% else %}no{% endfor %}",
    "{% for x in xs if x > 9 %}{{ x }}{% else %}no{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}", "{% for c in uni %}[{{ c }}]{% endfor %}", "{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}",
    "{% for x in missing %}a{% else %}b{% endfor %}", "{% for x in n %}{% endfor %}", "{% for x in none %}{% endfor %}",
    "{% for x in tree recursive %}{{ x.v }}@{{ loop.depth }}[{{ loop(x.c) }}]{% endfor %}", "{% for x in xs %}{{ loop(x) }}{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in xs %}{% for y in xs %}{% if y == x %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% break %}", "{% for x in xs %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{{ loop }}", "{% for x in xs %}{{ loop }}{% endfor %}",
    "{% if n == 7 %}a{% elif n == 8 %}b{% else %}c{% endif %}", "{% if zero %}a{% elif n %}b{% else %}c{% endif %}", "{% if zero %}a{% endif %}", "{% if missing %}a{% else %}b{% endif %}",
    "{% set x = 1 %}{% for i in xs %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}", "{% set ns = namespace(x=1) %}{% for i in xs %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set x %}block {{ n }}{% endset %}{{ x }}|{{ x|length }}", "{% set x | upper | replace('B', 'x') %}block{% endset %}{{ x }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}",
    "{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}{{ ns }}", "{% set ns = namespace() %}{% set ns._a = 1 %}", "{% set d.a = 1 %}", "{% set q.a = 1 %}", "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns.me.me is defined }}",
    "{% if t %}{% set y = 5 %}{% endif %}{{ y }}", "{% with a = 1, b = n %}{{ a }}{{ b }}{% set a = 2 %}{{ a }}{% endwith %}{{ a }}", "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z }}", "{% with a = 1, b = a %}{{ b }}{% endwith %}",
    "{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=5) }}{{ m() }}{{ m(b=1, a=0) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(q=2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, a=3) }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m() %}{{ n }}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}", "{{ m() }}{% macro m() %}x{% endmacro %}",
    "{% macro m(n) %}{% if n %}{{ n }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}", "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{{ n }}{% endcall %}", "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}-{{ b }}{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{% macro foo(a, b) %}{% endmacro %}{{ foo }}{{ foo.name }}{{ foo.arguments }}", "{% call n %}{% endcall %}", "{% macro m() %}{% set q = 1 %}{% endmacro %}{{ m() }}{{ q }}",
    "{% filter upper %}a{{ name }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}aa{% endfilter %}", "{% generation %}text {{ n }}{% endgeneration %}", "{% generation %}{% set x = 1 %}{% endgeneration %}{{ x }}", "{% block b %}in {{ n }}{% endblock %}", "{% block b %}{% endblock b %}", "{% print 1, 'a', n %}",
    "{% raw %}{{ x }}{% if %}{% endraw %}", "  {% raw %}  x  {% endraw %}  ", "a {%- raw -%}  x  {%- endraw -%} b", "{% raw %}\nx\n{% endraw %}\ny", "{# comment #}x{#- y -#} z", "  {# c #}\nx", "a\n  {# c #}\n  b", "{#+ c #}\nx", "a {#- c +#}\nx", "{# unclosed", "{% raw %}unclosed", "{#-#}x", "{# a {{ b }} {% c %} #}x",
    "  {% if t %}  \n  a\n  {% endif %}  \n  b", "x\n  {%- if t -%}\n  a\n  {%- endif -%}\n  b", "  {%+ if t %}\n  a\n  {%+ endif +%}\n  b", "  {{- n -}}  x", "  {{ n }}\n  x", "\n\n  {% if t %}\n\n a{% endif %}\n\n", "a{% if t %}\nb\n{% endif %}\nc", "a  {% if t %}  b  {% endif %}  c", "\t{% set x = 1 %}\t\n{{ x }}", "{% if t %}  {% if t %}  x{% endif %}{% endif %}", "{{ n }}\n{% set x = 1 %}\n{{ n }}\n", "a\n", "a\n\n", "a\r\nb\rc\n", "\n{% set x = 1 -%}\n\n  a", "{% set x = 1 +%}\na", "{%- set x = 1 %}\n\n{%- set y = 2 %}  z", "\u00a0{% if t %}x{% endif %}", "a \u00a0{%- if t %}x{% endif %}", " {%-if t-%} x {%-endif-%} y",
    "{{ {'a': {'b': {}}} }}", "{{ {'a': 1}}}", "{{ '}}' }}{{ \"%}\" }}", "{{ [1, 2,] }}{{ {'a': 1,} }}{{ (1, 2,) }}", "{{ 1, 2 }}", "{{ }}", "{{ 1 2 }}", "{{ ( }}", "{{ [1 }}", "{{ 'abc }}", "{{ a b }}", "{{ 1 + }}", "{{ ! }}", "{{ $ }}", "{{ x.1 }}", "{{ xs.1 }}", "{{ nested.1.1.1 }}", "{{ x. }}", "{{ xs[] }}", "{{ xs[0, 1] }}", "{{ n|nope }}", "{% if zero %}{{ n|nope }}{% endif %}x", "{{ n|nope if zero else 1 }}", "{% if t %}{{ n|nope }}{% endif %}", "{% if zero %}{% for x in xs %}{{ x|nope }}{% endfor %}{% endif %}", "{{ n is nope }}", "{% if zero %}{{ n is nope }}{% endif %}x", "{{ n is odd is even }}",
    "{% nope %}", "{% endif %}", "{% if t %}", "{% for x in xs %}", "{% if t %}{% endfor %}", "{% for %}{% endfor %}", "{% set %}", "{% set 1 = 2 %}", "{% set x.y.z = 2 %}", "{% for true in xs %}{% endfor %}", "{% if %}{% endif %}", "{% macro %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% else %}", "{{ m(*xs) }}", "{% macro m(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*xs) }}{{ m(**{'a': 1, 'b': 2}) }}{{ m(1, *[2], **{'c': 3}) }}", "{{ dict(**d) }}", "{{ dict(a=1, a=2) }}", "{{ range(*[1, 4])|list }}", "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% do xs.append(1) %}",
    "{% set j = joiner('; ') %}{% for x in xs %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{% set _ = c.reset() %}{{ c.current }}", "{% set g = xs|map('string') %}{{ g|list }}{{ g|list }}", "{% for x in xs|map('string') %}{{ loop.length }}{{ loop.last }}{% endfor %}", "{% for x in xs %}{% set y = x %}{% endfor %}{{ y }}", "{% for loop in xs %}{{ loop }}{% endfor %}", "{% for x in xs: %}{{ x }}{% endfor %}", "{% set messages = xs[1:] %}{{ messages }}", "{{ xs[-1:][0] }}{{ xs[:1] + xs[2:] }}", "{{ (xs|length) - 1 }}{{ xs|length - 1 }}", "{{- '' -}}", "{{ name|upper|lower|title }}", "{{ raise_exception('only this') }}", "{% set raise = raise_exception %}{{ raise('that') }}", "text only", "", "{", "{ {", "{%", "{{", "}}", "%}", "#}", "{ % if % }", "a { b } c {x}", "{{ '{{' }}", "{{ \"\\u00e9\\n\" }}",
    "{% for x in xs %}a{% break %}{% else %}b{% endfor %}", "{% for x in xs %}{% continue %}{% else %}b{% endfor %}", "{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}a{% else %}b{% endfor %}",
    "{% for y in xs %}{% for x in [] %}{% else %}{% break %}{% endfor %}{{ y }}{% endfor %}", "{% for x in xs %}{% with y = x %}{% if y == 1 %}{% break %}{% endif %}{{ y }}{% endwith %}{% endfor %}",
    "{% for x in xs %}{% filter upper %}a{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfilter %}b{% endfor %}", "{% for x in xs %}{% set y %}a{% if x == 1 %}{% continue %}{% endif %}{% endset %}{{ y }}{% endfor %}",
    "{% filter length %}abc{% endfilter %}", "{% filter length %}abc{% endfilter %}{{ raise_exception('first') }}", "{% for x in n|items %}{% endfor %}", "{% set g = xs|map('nope') %}x", "{{ (n|items) == 1 }}", "{{ d is filter }}", "{{ xs is test }}", "{{ xs in d.keys() }}", "{{ {} in d.items() }}",
    "{{ missing|truncate(6) }}", "{{ [missing|last] }}", "{{ [('a b'|safe).split(), ('x'|safe).strip(), ('x'|safe).upper(), ('x'|safe)|list] }}", "{{ dict(missing) }}", "{{ namespace(missing) }}", "{{ [html|e] }}", "{{ [1, 2]|truncate(5) }}", "{{ n|truncate(5) }}",
]


def split_expressions():
    """The expressions of one line stand between bars with a space on both sides."""
    for line in EXPRESSIONS.strip().split("\n"):
        yield from (part.strip() for part in line.split(" | "))


SNIPPETS = [f"{{{{ {expression} }}}}" for expression in split_expressions()] + STATEMENTS
