"""Templates compiled to plain Python: every brace escapes, and nothing that is missing passes in silence."""

import pytest
from jinja2 import TemplateAssertionError
from markupsafe import Markup

from app.views.plain_templates import PlainEnvironment

NASTY = "<script>'\"&</script>"
SAFE = "&lt;script&gt;&#39;&#34;&amp;&lt;/script&gt;"


class Text(str):
    """A text of another class than ``str``."""


class Thing:
    name = NASTY
    none = None
    number = 7
    words = {"key": NASTY}  # noqa: RUF012

    def call(self, value):
        return value

    def __str__(self):
        return NASTY


def shown(source, *values):
    names = ", ".join(f"v{n}" for n, _ in enumerate(values))
    module = PlainEnvironment().from_string(f"{{% macro it({names}) %}}{source}{{% endmacro %}}").make_module()
    return module.it(*values)


@pytest.mark.parametrize(
    "source",
    [
        "{{ v0 }}",
        "{{ v0.name }}",
        "{{ v0.words['key'] }}",
        "{{ v0.words.get('key') }}",
        "{{ v0.call(v0.name) }}",
        "{{ v0.none or v0.name }}",
        "{{ v0.name if v0.number else '' }}",
        "{% if true %}{{ v0.name }}{% endif %}",
        "{% for x in [v0.name] %}{{ x }}{% endfor %}",
        "{% set x = v0.name %}{{ x }}",
        "{{ '%s' % v0.name }}",
        "{{ v0.name ~ '' }}",
        "{{ [v0.name]|join }}",
    ],
)
def test_what_a_brace_prints_is_escaped(source):
    assert shown(source, Thing()) == SAFE


def test_texts_of_other_classes_and_other_things_are_escaped_too():
    assert shown("{{ v0 }}{{ v1 }}{{ v2 }}{{ v3 }}", Text(NASTY), NASTY.encode().decode(), 5, None) == (
        f"{SAFE}{SAFE}5None"
    )
    assert shown("{{ v0 }}", ["<"]) == "[&#39;&lt;&#39;]"


def test_only_what_says_that_it_is_html_is_not():
    assert shown("{{ v0 }} {{ v1|safe }}", Markup("<b>"), "<i>") == "<b> <i>"


def test_a_macro_is_a_function_that_gives_plain_text():
    inner = "{% macro inner(x) %}<b>{{ x }}</b>{% endmacro %}"
    source = "{% macro it(x) %}{{ inner(x)|safe }}{{ inner(x) }}{% endmacro %}"
    module = PlainEnvironment().from_string(inner + source).make_module()
    text = module.it(NASTY)
    assert type(text) is str
    assert text.startswith(f"<b>{SAFE}</b>&lt;b&gt;&amp;lt;script")


def test_none_and_length():
    assert (
        shown("{% if v0 is none %}n{% endif %}{% if v1 is not none %}{{ v1|length }}{% endif %}", None, [1, 2]) == "n2"
    )


@pytest.mark.parametrize("source", ["{{ v0.missing }}", "{{ v0.words['missing'] }}", "{{ nobody.name }}"])
def test_what_does_not_exist_is_an_error(source):
    with pytest.raises((AttributeError, KeyError)):
        shown(source, Thing())


@pytest.mark.parametrize("source", ["{{ v0.call(value=1) }}", "{{ v0.call(*[1]) }}", "{{ v0.call(**{}) }}"])
def test_calls_have_plain_arguments(source):
    with pytest.raises(TemplateAssertionError):
        shown(source, Thing())


def test_a_macro_takes_no_block():
    with pytest.raises(TemplateAssertionError):
        shown("{{ caller() }}", Thing())
