"""Writes constructs.json: what jinja2 makes of one-line templates, run as transformers runs chat templates.

usage: make_constructs.py                      needs: torch==2.15.0 transformers==5.23.0
       make_constructs.py FOLDER... OUT.json   the same of every *.jinja below the folders, with conversations; not kept

The second form is for templates of other projects (the wheel of trl 1.16.0, `trl/chat_templates`; the source package of
llama-cpp-python, `vendor/llama.cpp/models/templates`): `AFFINAGE_TEMPLATES=OUT.json cargo test -- --ignored` compares.
"""
import json, pathlib, sys

from transformers.utils import chat_template_utils

from make_templates import CONVERSATIONS, SPECIAL, Today, render

TWO = [{"role": "user", "content": "Does  it rain?\n"}, {"role": "assistant", "content": "It's \"wet\" & grey, no?"}]
WORDS = "{% set w = ['b', 'A', 'c', 'a'] %}"
ROWS = "{% set r = [{'n': 2, 'g': 'x'}, {'n': 1, 'g': 'Y'}, {'n': 3, 'g': 'y'}, {'n': 1}] %}"
MAP = "{% set d = {'b': 1, 'a': [1, none, 2.5], 'C': {'é': true}} %}"
CONSTRUCTS = [
    # printing
    "{{ [1, 'a', \"it's\", none, true, 1.5, undefined_name] }}", "{{ ('a',) }} {{ () }} {{ (1, 2) }}", "{{ {'a': 1, 2: 'b', none: [1]} }}",
    "{{ '[' ~ ['x'] ~ {'k': none} ~ ']' }}", "{{ 1.0 }} {{ 1e16 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 1e15 }} {{ 100000.0 * 3 }}", "{{ ['\\n\\t\\\\\\'\"', 'é\\u200b\\xa0'] }}",
    "{{ true }} {{ none }} {{ false ~ none }}", "{{ messages }}", "{{ messages[0] }}", "{{ range(3) }} {{ range(1, 9, 2) | list }}",
    "{{ d }}|{{ d | default('x') }}|{{ '' | default('x') }}|{{ '' | default('x', true) }}|{{ none | default('x') }}", "{{ 1, 'a' }}",
    "{{ 'a' 'b' \"c\" }}", "{{ '\\x41\\u00e9\\101\\q' }}", "{{ 0x1f }} {{ 1_000 }} {{ 0b11 }} {{ 0o17 }} {{ 1.5e3 }}", "{{ -3 | abs }} {{ -3.5 | abs }}",
    MAP + "{{ d.items() }} {{ d.keys() }} {{ d.values() }}", MAP + "{{ d.items() | list }}", "{{ 'x' | string ~ 1 }}", "{{ [[[]]] }} {{ [{}] }} {{ {} }}",
    # arithmetic and order
    "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}", "{{ 1 + true }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ [1] + [2] }} {{ (1,) + (2,) }}",
    "{{ 1 ~ 2 + 3 }}", "{{ '1' + '2' ~ 3 }}", "{{ 2 * 3 ~ 4 }}", "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }}", "{{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' == 1 }} {{ none == false }} {{ {'a': 1} == {'a': 1.0} }}",
    "{{ not 1 == 2 }} {{ not none }} {{ 1 and 0 or 'x' }} {{ [] or {} or 'z' }}", "{{ 'a' in 'cat' }} {{ 1 in [1] }} {{ 'k' in {'k': 1} }} {{ 'a' not in 'bc' }} {{ 'x' in nothing }}",
    "{{ 'y' if 1 }} {{ 'y' if 0 }}| {{ 'a' if 0 else 'b' if 0 else 'c' }}", "{{ 1 + 'a' }}", "{{ 'a' + 1 }}", "{{ none + 'a' }}", "{{ nothing + 'a' }}", "{{ nothing ~ 'a' }}", "{{ 1 / 0 }}", "{{ 1 < 'a' }}", "{{ nothing < 1 }}",
    "{{ -2 ** 2 }} {{ 2 ** 3 ** 2 }}", "{{ 5 - 3 - 1 }} {{ 2 * 3 % 4 }}", "{{ +3 }} {{ - 3 }} {{ 3 - -3 }}", "{{ 'é' * 3 }} {{ 'a' * -1 }}|", "{{ [3, 1] | sort | first - 1 }}", "{{ 1 if true and not false }}",
    # undefined
    "{{ nothing | length }} {{ nothing | list }} {{ nothing | join(',') }}| {{ nothing | first }}| {{ nothing is iterable }} {{ nothing is sequence }}", "{{ nothing.more }}", "{{ nothing['more'] }}", "{{ messages[0].nothing }}|{{ messages[9] }}|{{ messages['x'] }}|",
    "{{ messages[0].nothing.more }}", "{{ messages[0].nothing | length > 0 }}", "{{ nothing | upper }}|{{ nothing | trim }}|{{ nothing | replace('a', 'b') }}|", "{{ nothing | tojson }}", "{{ nothing() }}", "{% for x in nothing %}a{% else %}b{% endfor %}",
    "{{ nothing is defined }} {{ nothing is none }} {{ nothing == nope }} {{ nothing == none }} {{ nothing | int }}", "{{ none.x }}|{{ none['x'] }}|", "{% set x = none %}{{ x[1:] }}", "{{ none | select | list }}{{ none | map('upper') | list }}{{ nothing | selectattr('x') | list }}", "{{ nothing[1:] }}", "{{ none | length }}", "{% for x in none %}{% endfor %}", "{% for x in 3 %}{% endfor %}",
    "{{ none is iterable }} {{ none is sequence }} {{ none is mapping }}", "{{ [nothing] }} {{ nothing | items | list }}", "{{ nothing | default }}|", "{{ nothing | sort }}{{ nothing | map('upper') | list }}",
    # tests
    "{{ {} is sequence }} {{ {} is iterable }} {{ {} is mapping }} {{ [] is sequence }} {{ 'a' is sequence }} {{ 1 is sequence }} {{ range(2) is sequence }}", "{{ 'a' is string }} {{ 1 is number }} {{ true is number }} {{ true is integer }} {{ 1.0 is float }} {{ 1 is integer }} {{ true is boolean }}",
    "{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }}", "{{ 'ab' is lower }} {{ 'AB' is upper }} {{ 1 is eq 1 }} {{ 1 is ne 1 }} {{ 2 is gt 1 }} {{ 'a' is in ['a'] }}", "{{ none is none }} {{ 1 is not none }} {{ true is true }} {{ 1 is true }} {{ false is false }}",
    "{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }}", "{{ 1 is sameas 1 }} {{ none is sameas none }}", "{{ 'x' is callable }} {{ range is callable }}", "{{ messages is mapping }} {{ messages is iterable and messages is not mapping }}", "{{ 'a' is nope }}", "{{ not 'a' is string }} {{ 1 is defined and 2 is defined }}",
    "{{ (messages | selectattr('role', 'equalto', 'nobody')) is sequence }} {{ (messages | map(attribute='role')) is iterable }}", "{{ 'Ab1' is upper }} {{ '1' is lower }}",
    # strings
    "{{ ' a b '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a'.lstrip() }}|{{ 'a \\n'.rstrip() }}|{{ 'abcba'.rstrip('ab') }}|", "{{ 'a,b,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a b c'.split(none, 1) }} {{ 'a b c'.rsplit(' ', 1) }} {{ ' a  b c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }}",
    "{{ 'aXbXc'.split('X')[-1] }} {{ 'a,b,c'.rsplit(',') }} {{ 'a  b'.split(' ') }} {{ 'a,b'.split(sep=',', maxsplit=0) }}", "{{ 'aaa'.replace('a', 'b', 2) }} {{ 'abc'.replace('', '-') }} {{ 'aaa'.replace('a', '') }}|", "{{ 'aaa' | replace('a', 'b', 1) }} {{ 1.5 | replace('.', ',') }} {{ 'aaa' | replace('a', 'b', count=2) }}",
    "{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.py'.removesuffix('.py') }} {{ 'a'.removeprefix('b') }}", "{{ 'abc'.startswith('a') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('c') }} {{ 'abc'.startswith('b', 1) }} {{ 'abc'.endswith('b', 0, 2) }}", "{{ 'abc'.find('c') }} {{ 'abc'.find('z') }} {{ 'abcabc'.rfind('b') }} {{ 'éab'.find('a') }} {{ 'abc'.index('b') }} {{ 'aXa'.find('a', 1) }}", "{{ 'abc'.index('z') }}",
    "{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'a'.partition('-') }} {{ 'a'.rpartition('-') }}", "{{ 'hello world'.title() }} {{ \"it's\".title() }} {{ 'hELLO'.capitalize() }} {{ 'aBc'.swapcase() }} {{ 'ß'.upper() }}", "{{ '7'.zfill(3) }} {{ '-7'.zfill(4) }} {{ 'a'.ljust(3, '.') }}|{{ 'a'.rjust(3) }}|{{ 'ab'.center(5, '*') }} {{ 'abc'.center(6) }}|",
    "{{ 'a\\nb\\r\\nc\\n'.splitlines() }} {{ 'a\\nb'.splitlines(true) }} {{ ''.splitlines() }}", "{{ ', '.join(['a', 'b']) }} {{ ''.join('abc') }} {{ '-'.join({'x': 1, 'y': 2}) }}", "{{ ','.join([1]) }}", "{{ 'a{}b{}'.format(1, 'x') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{n}'.format(n=3) }} {{ '{{}}'.format() }}", "{{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}'.format('a', 'b', 'c', 42, 3.14159, 1234567) }}",
    "{{ '{!r}'.format('a') }} {{ '{a[0]}'.format(a=[7]) }} {{ '{:x} {:#x} {:b} {:+d} {:%}'.format(255, 255, 5, 3, 0.5) }}", "{{ '%s %d %r' % ('a', 3, 'b') }} {{ '%05.2f|%-5s|%5s|%%' % (3.14159, 'a', 'b') }} {{ '%(a)s' % {'a': 1} }} {{ '%s' % 'x' }}", "{{ '%s' % ('a', 'b') }}", "{{ 'abc'.count('b') }} {{ 'aaa'.count('aa') }} {{ ''.count('') }} {{ 'abc'.count('') }}",
    "{{ 'abc'.isalpha() }} {{ '123'.isdigit() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ ''.isalpha() }} {{ '²'.isdigit() }} {{ '½'.isnumeric() }} {{ '½'.isdigit() }} {{ 'AB'.isupper() }} {{ 'A b'.istitle() }} {{ 'a_1'.isidentifier() }}", "{{ 'abc'[0] }} {{ 'abc'[-1] }} {{ 'abc'[1:] }} {{ 'abcde'[::2] }} {{ 'abc'[::-1] }} {{ 'abc'[5] }}| {{ 'abc'[5:] }}|", "{{ 'a\\tb'.expandtabs(4) }}|", "{{ 'straße'.casefold() }}{{ 'É'.lower() }}", "{{ 'abc'.nope() }}", "{{ 'abc'.upper is callable }}",
    "{{ 'A\\x1cB'.split() }} {{ '\\u00a0x\\u2003'.strip() }}|", "{{ 'abc'.split('') }}", "{{ ' x '.strip(none) }}|{{ 'x'.strip('') }}|", "{{ 'a' if 'b'.isalpha() else 'c' }}", "{{ 'Hello'.__class__ }}|",
    # filters on text
    "{{ 'hello wORLD-foo (bar)' | title }} {{ 'hELLO' | capitalize }} {{ 'a' | upper }} {{ 1 | lower }} {{ none | upper }} {{ true | string }}", "{{ ' a ' | trim }}|{{ 'xax' | trim('x') }}|{{ 3 | trim }}|", "{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent(1, blank=true) }}|{{ 'a\\nb' | indent('> ', first=true) }}|{{ 'a\\n' | indent }}|",
    "{{ 'one two three four' | truncate(9) }} {{ 'one two three four' | truncate(9, true) }} {{ 'one two' | truncate(5) }} {{ 'one two three four' | truncate(9, false, '..', 0) }}", "{{ 'a b\\tc' | wordcount }} {{ 'ab' | center(6) }}|", "{{ '<a href=\"x\">\\'&' | e }} {{ '<b>' | escape }} {{ '<b>' | safe }}", "{{ '%s-%s' | format(1, 'b') }} {{ '%(x)s' | format(x=3) }}", "{{ 'abc' | reverse }} {{ 'abc' | first }} {{ 'abc' | last }} {{ 'abc' | list }} {{ 'abc' | length }} {{ 'é🧀' | length }}",
    "{{ '42' | int }} {{ '42.9' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ 3.9 | int }} {{ '0x1f' | int(0, 16) }} {{ ' 5 ' | int }} {{ '1_0' | int }} {{ none | int }} {{ '-7' | int }}", "{{ '1.5' | float }} {{ 'x' | float }} {{ 'x' | float(2) }} {{ 3 | float }} {{ '1e3' | float }} {{ none | float }}", "{{ 42.55 | round(1) }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 42 | round }} {{ 1.25 | round(1, 'ceil') }} {{ 1.25 | round(1, 'floor') }} {{ 1234 | round(-2) }}", "{{ 'x' | nope }}",
    # filters on lists
    WORDS + "{{ w | sort }} {{ w | sort(reverse=true) }} {{ w | sort(case_sensitive=true) }} {{ w | unique | list }} {{ w | min }} {{ w | max }}", ROWS + "{{ r | sort(attribute='n') | map(attribute='n') | list }} {{ r | map(attribute='g') | list }} {{ r | map(attribute='g', default='-') | join('/') }}", ROWS + "{{ r | groupby('n') }}", ROWS + "{% for k, v in r | groupby('g', default='z') %}{{ k }}{{ v | length }} {% endfor %}{{ (r | groupby('n'))[0].grouper }}{{ (r | groupby('n'))[0].list | length }}",
    ROWS + "{{ r | selectattr('g') | list | length }} {{ r | selectattr('n', 'gt', 1) | list }} {{ r | rejectattr('n', 'equalto', 1) | map(attribute='g') | list }} {{ r | sum(attribute='n') }}", "{{ [1, 2, 3, 4] | select('even') | list }} {{ [1, 0, none, 'a'] | select | list }} {{ [1, 2] | reject('odd') | list }} {{ [3, 1] | sum }} {{ [] | sum }} {{ [[1], [2]] | sum(start=[]) }}",
    "{{ [1, 2, 3] | join }} {{ [1, none, 'a'] | join('-') }} {{ messages | join(', ', attribute='role') }}", "{{ [1, 2, 3] | first }} {{ [1, 2, 3] | last }} {{ [] | first }}| {{ [] | last }}| {{ [] | max }}|", "{{ [1, 2, 3, 4, 5] | batch(2) | list }} {{ [1, 2, 3] | batch(2, 0) | list }} {{ [1, 2, 3, 4, 5] | slice(2) | list }} {{ [1, 2, 3] | slice(2, 'x') | list }}", "{{ ['a', 'b'] | map('upper') | list }} {{ ['a,b'] | map('replace', ',', ';') | first }} {{ [1, 2] | map('string') | join }}", "{{ [1, 2, 3] | reverse | list }} {{ {'a': 1, 'b': 2} | reverse | list }}",
    MAP + "{{ d | dictsort }} {{ d | dictsort(true) }} {{ d | list }} {{ d | length }} {{ d | first }} {{ d | last }} {{ d | items | list }}", "{{ {'b': 2, 'a': 3} | dictsort(by='value') }} {{ {'b': 2, 'a': 3} | dictsort(reverse=true) }}", MAP + "{% for k in d %}{{ k }}{% endfor %} {% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", MAP + "{{ d.b }} {{ d['b'] }} {{ d.get('z') }} {{ d.get('z', 'q') }} {{ d.z }}| {{ d.a[2] }} {{ d.C['é'] }}", "{{ {'items': 1, 'get': 2}['items'] }} {{ {'items': 1}.items() | list }} {{ {'keys': 5}.keys is callable }}",
    "{{ [1, 2].index(2) }} {{ [1, 2, 1].count(1) }} {{ (1, 2).index(1) }}", "{{ [1].append(2) }}", "{{ {'a': 1}.update({'b': 2}) }}", "{{ {'a': 1}.pop('a') }}", "{{ [1, 2, 3][1:] }} {{ [1, 2, 3][-1] }} {{ [1, 2, 3][::-1] }} {{ [1, 2, 3][:-1] }} {{ [1, 2, 3][5:] }} {{ (1, 2, 3)[1:] }} {{ [1, 2, 3][10] }}|", "{{ [[1, 2], [3, 4]][1][0] }} {{ {'a': {'b': [5]}}.a.b.0 }} {{ {1: 'x'}[1] }} {{ {true: 'y'}[1] }}", "{{ {'a': 1, 'a': 2} }} {{ dict(a=1, b='x') }} {{ dict([('k', 1)]) }} {{ dict({'a': 1}, b=2) }}",
    "{% set g = ['a'] | map('upper') %}{{ g | list }}{{ g | list }}{{ 'yes' if g }}", "{{ messages | selectattr('role', 'equalto', 'nobody') | list | length }} {{ 'true' if messages | selectattr('role', 'equalto', 'nobody') }}", "{{ (['a'] | map('upper'))[0] }}|", "{{ (['a'] | map('upper')) | length }}", "{{ [3, 'a'] | sort }}", "{{ [1, [2]] | sort }}", "{{ {'a': 1} | dictsort | first }}", "{{ 'b' in ['a', 'b'] | map('upper') }}", "{{ messages | map(attribute='content') | map('length') | list }}", "{{ messages | map(attribute='0') | list }}", "{{ [('a', 1)] | map(attribute='0') | list }}", "{{ [{'a': {'b': 2}}] | map(attribute='a.b') | list }}",
    # json
    MAP + "{{ d | tojson }}", MAP + "{{ d | tojson(indent=2) }}", MAP + "{{ d | tojson(ensure_ascii=true) }}", MAP + "{{ d | tojson(sort_keys=true) }}", MAP + "{{ d | tojson(separators=(',', ':')) }}", MAP + "{{ d | tojson(indent=4, separators=(',', ': ')) }}", MAP + "{{ d | tojson(indent='--') }}", "{{ 'é🧀\\u2028\\x01\\x7f</script>' | tojson }} {{ 'é🧀\\u2028' | tojson(ensure_ascii=true) }}", "{{ [] | tojson(indent=2) }}{{ {} | tojson(indent=2) }}{{ [[]] | tojson(indent=1) }}", "{{ [1.0, 1e20, -0.0, 1e-7, 10] | tojson }} {{ (1, 2) | tojson }} {{ none | tojson }} {{ true | tojson }}", "{{ {1: 'a', none: 2, true: 3, 1.5: 4} | tojson }}", "{{ range(2) | tojson }}", "{{ {'b': 1, 'a': 2} | tojson(false, none, none, true) }}", "{{ {'a': 1}.items() | tojson }}", "{{ [1] | map('string') | tojson }}", "{{ messages | tojson(indent=0) }}",
    # statements
    "{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set c = (1, 2) %}{{ c }}{% set (x, y) = c %}{{ y }}", "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}", "{% if true %}{% set x = 3 %}{% endif %}{{ x }}", "{% set ns = namespace(a=1, b=[]) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% set ns.b = ns.b + [i] %}{% endfor %}{{ ns.a }} {{ ns.b }} {{ ns.c }}|", "{% set d = {'a': 1} %}{% set d.a = 2 %}", "{% set t %}a{{ 1 }}b{% endset %}{{ t | upper }}{% set u | trim | upper %} x {% endset %}{{ u }}",
    "{% for i in [3, 4, 5] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }} {% endfor %}", "{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{% endfor %}", "{% for i in range(5) if i % 2 %}{{ i }}/{{ loop.length }} {% else %}none{% endfor %}", "{% for i in [] %}x{% else %}empty{% endfor %}", "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for c in 'ab' %}{{ c }}.{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for x in [[1, [2]], [3]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}", "{% for i in [1, 2] %}{% for j in [1, 2] %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}", "{% for i in [1] %}{% endfor %}{{ i is defined }}{{ loop is defined }}", "{% macro m(a, b='x', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=4) }}{{ m() }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, k=3) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(z=2) }}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}",
    "{% set g = 'G' %}{% macro m() %}{{ g }}{{ h }}{% endmacro %}{% set h = 'H' %}{{ m() }}", "{% macro wrap() %}<{{ caller() }}>{% endmacro %}{% call wrap() %}in{% endcall %}", "{% macro each(xs) %}{% for x in xs %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(v) each([1, 2]) %}({{ v }}){% endcall %}", "{% filter upper %}a{{ 'b' }}{% endfilter %}{% filter replace('a', 'z') | upper %}abc{% endfilter %}", "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% raw %}{{ x }} {% if %}{% endraw %}|{%- raw -%}  a  {%- endraw -%} b", "{% generation %}{% set q = 1 %}a{% endgeneration %}{{ q is defined }}", "{% if 0 %}a{% elif '' %}b{% elif [0] %}c{% else %}d{% endif %}", "{% set j = joiner('; ') %}{% for i in [1, 2, 3] %}{{ j() }}{{ i }}{% endfor %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}", "{% set m = messages %}{{ m[0]['role'] }}{{ m | length }}{{ m[-1].role }}{{ m[::-1][0].role }}", "{{ raise_exception('no') }}", "{% break %}", "{% nope %}", "{{ ", "{% if true %}", "{% endif %}", "{{ 1 + }}", "{{ a b }}", "{{ 'a }}", "{# open",
    "{{ range(10) | list | length }} {{ range(5, 0, -2) | list }}", "{% for i in range(100001) %}{% endfor %}", "{{ add_generation_prompt }} {{ bos_token }} {{ eos_token }} {{ tools }} {{ documents is none }}", "{{ strftime_now('%Y-%m-%d') }}", "{% set x = namespace() %}{% set x.y = 'z' %}{{ x.y }}{{ x['y'] }}", "{% if messages[0].role == 'user' and messages[0]['content'] is string %}ok{% endif %}", "{{ caller is defined }}", "{{ messages[0].content[:4] ~ '...' }}", "{% set a = [] %}{% set a = a + [1] %}{{ a }}", "{% set x = 'a' if true else 'b' %}{{ x }}{% set y = 1, %}{{ y }}", "{% macro m(x) -%}\n  {{ x }}\n{%- endmacro %}{{ m('q') }}|",
    # white space
    "a\n  {% if true %}\n    b\n  {% endif %}\nc\n", "a  {% if true %}  b  {% endif %}  c", "a\n{%- if true -%}\n b \n{%- endif -%}\nc", "  {{ 'x' }}  \n  {{- 'y' -}}  \n z", "a\n  {# c #}\nb", "a {#- c -#} b", "a\n  {%+ if true %}b{% endif %}", "{% if true +%}\nb{% endif %}", "x\r\ny\r{% if true %}\r\nz{% endif %}\r\n", "\n\n{{ 1 }}\n\n", "{{ 1 }}\n", "a{{- ' b' }}", "{%- set a = 1 %}\n\n  {%- set b = 2 %}\n{{ a }}", "{{ {'a': {'b': 1}} }}{{ {'a': '}}'} }}", "{{ '{{' }}{{ '%}' }}", "a\n \t{% set x = 1 %} \nb", "a\u00a0{%- if 1 %}b{% endif %}", "{% if 1 %}\n\n{% endif %}\n.", "{{-1}}|{{ 3 -1 }}", "-{{- 1 -}}-",
]


def lone(source):
    return [render(source, TWO, prompt) for prompt in (False, True)]


def main():
    chat_template_utils.datetime = Today
    if len(sys.argv) > 2:
        files = sorted(path for folder in sys.argv[1:-1] for path in pathlib.Path(folder).rglob("*.jinja"))
        conversations = CONVERSATIONS + [
            [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nOne."}, {"role": "user", "content": "Two?"}, {"role": "assistant", "content": "<think>oh</think>Two."}],
            [{"role": "user", "content": "[INST] 🧀 <|im_end|> </s>\n"}, {"role": "assistant", "content": "{{ x }} \"q\" 'é'"}],
        ]
        rows = {"special": SPECIAL, "today": "2026-01-31", "conversations": conversations,
                "others": [{"file": str(path), "source": path.read_bytes().decode(), "texts": [render(path.read_bytes().decode(), messages, prompt) for messages in conversations for prompt in (False, True)]} for path in files]}
        pathlib.Path(sys.argv[-1]).write_text(json.dumps(rows))
        return
    lines = ",\n".join(json.dumps({"source": source, "texts": lone(source)}, ensure_ascii=False) for source in CONSTRUCTS)
    head = json.dumps({"special": SPECIAL, "today": "2026-01-31", "messages": TWO}, ensure_ascii=False)[:-1]
    out = pathlib.Path(__file__).parent / "constructs.json"
    out.write_text(f'{head}, "constructs": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
