"""Jinja for the orders of a list: the same templates, compiled to plain Python without detours.

A page of fifty orders prints six thousand values. What Jinja's own code does around each of them (an attribute looked
up through the environment, undefined names checked, calls led through a context, macros wrapped in objects, every text
a ``Markup``) costs more than twice the printing. The order templates use nothing of that, so they are compiled without:

- a name is a local variable, an attribute an attribute, a call a call, and a macro a function that gives plain text;
- what a brace prints goes through ``escaped``, always, except what the template says is ``|safe`` (another macro's
  text). ``tests/views/test_order_code.py`` holds both.

A name or an attribute that does not exist is an error here, never an empty text.
"""

from __future__ import annotations

from typing import Any

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
            self.fail("a macro of the orders takes plain arguments only", macro_ref.node.lineno)
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
            self.fail("a call in the orders' templates has plain arguments only", node.lineno)
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


class OrderEnvironment(Environment):
    """Compiles templates of orders. Autoescaping is off, for it would make a ``Markup`` of each value at six times
    the cost of escaping it; ``escaped`` stands around each value instead."""

    code_generator_class = _PlainCode
    escape_text = staticmethod(_escape_inner)

    def __init__(self) -> None:
        super().__init__(autoescape=False, finalize=escaped, optimized=False)
