"""Templates of what a page has by the hundred, written in two stages and compiled to plain Python.

A page of fifty orders says "Delivered" and its like two thousand times and prints six thousand values. Two things make
that quick:

- **Words once per language.** What stands in double square brackets is filled in once per language; that gives a plain
  Jinja template without words to look up. What stands in braces is filled in per order.
- **Plain code.** What Jinja does around each value (an attribute looked up through the environment, undefined names
  checked, calls led through a context, macros wrapped in objects, every text a ``Markup``) costs more than twice the
  printing. These templates use nothing of that, so they are compiled without: a name is a local variable, an attribute
  an attribute, a call a call, and a macro a function of plain arguments that gives plain text. Everything a macro
  needs is given to it.

What a brace prints goes through ``escaped``, always, except what the template says is ``|safe`` (another macro's text).
``tests/views/test_plain_templates.py`` holds that. A name or an attribute that does not exist is an error, never an
empty text.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app
from flask_babel import get_locale, gettext
from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame, MacroRef
from markupsafe import Markup, _escape_inner, escape  # type: ignore[attr-defined]


def escaped(value: object) -> str:
    """What a brace prints: escaped, unless it says that it is HTML already."""
    if value.__class__ is int:
        return str(value)
    return value if isinstance(value, Markup) else escape(value)


class _PlainCode(CodeGenerator):
    """Writes the Python of a template; see the module."""

    def write_commons(self) -> None:
        super().write_commons()
        self.writeline("escaped, plain = environment.finalize, environment.escape_text")

    def macro_def(self, macro_ref: MacroRef, frame: Frame) -> None:
        if macro_ref.accesses_caller or macro_ref.accesses_kwargs or macro_ref.accesses_varargs:
            self.fail("a macro of a plain template takes plain arguments only", macro_ref.node.lineno)
        self.write("macro")

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:
        if node.ctx == "load":
            self.write(frame.symbols.ref(node.name))
        else:
            super().visit_Name(node, frame)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        self.visit(node.node, frame)
        self.write(f".{node.attr}")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        self.visit(node.node, frame)
        self.write("[")
        self.visit(node.arg, frame)
        self.write("]")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        if forward_caller or node.kwargs or node.dyn_args or node.dyn_kwargs:
            self.fail("a call in a plain template has plain arguments only", node.lineno)
        self.visit(node.node, frame)
        self._arguments(node.args, frame)

    def visit_Test(self, node: nodes.Test, frame: Frame) -> None:
        if node.name != "none":
            super().visit_Test(node, frame)
            return
        self.write("(")
        self.visit(node.node, frame)
        self.write(" is None)")

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:
        if node.name != "length" or node.node is None:
            super().visit_Filter(node, frame)
            return
        self.write("len")
        self._arguments([node.node], frame)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        # Nine of ten values are texts: for them the call of ``escaped`` is saved.
        self.write("(" if _safe(node) else "(plain(found) if (found := ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")" if _safe(node) else ").__class__ is str else escaped(found))")

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        if isinstance(node, nodes.Filter) and _safe(node) and node.node is not None:
            return super().visit(node.node, *args, **kwargs)
        return super().visit(node, *args, **kwargs)

    def _arguments(self, given: list[nodes.Expr], frame: Frame) -> None:
        self.write("(")
        for argument in given:
            self.visit(argument, frame)
            self.write(", ")
        self.write(")")


def _safe(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Filter) and node.name == "safe"


class PlainEnvironment(Environment):
    """The second stage. Autoescaping is off, for it would make a ``Markup`` of each value at six times the cost of
    escaping it; ``escaped`` stands around each value instead."""

    code_generator_class = _PlainCode
    escape_text = staticmethod(_escape_inner)

    def __init__(self) -> None:
        super().__init__(autoescape=False, finalize=escaped, optimized=False)


_SECOND = PlainEnvironment()


def macros(name: str) -> Any:
    """The macros of a template in the reader's language, as functions; made once per language."""
    app = current_app
    key = (name, str(get_locale() or "en"))
    modules: dict[tuple[str, str], Any] = app.extensions.setdefault("plain_templates", {})
    found = modules.get(key)
    if found is None:
        source = _first_stage(app).get_template(name).render(_=gettext)
        found = modules[key] = _SECOND.from_string(source).make_module()
    return found


def _first_stage(app: Flask) -> Environment:
    return Environment(
        loader=app.jinja_env.loader,
        autoescape=True,
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        keep_trailing_newline=True,
    )
