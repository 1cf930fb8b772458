"""The small changes that `benchmarks/mutants.py` makes, and how loaded code gets them."""

from __future__ import annotations

import ast
import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
REACHED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
}  # fmt: skip
TELLING = {
    "log", "warning", "error", "info", "exception", "debug",
    "Refusal", "RuntimeError", "ValueError", "KeyError", "NotFound",
}  # fmt: skip
"""Calls whose words are for people: what is said there is not a rule."""


Place = tuple[tuple[str, int | None], ...]
Change = tuple[str, Callable[[ast.AST], ast.AST]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the module, its number there, the lines it touches, what it is."""

    path: str
    number: int
    lines: tuple[int, ...]
    what: str
    place: Place
    choice: int
    """Which of the changes that the place allows."""
    constant: str = ""
    """The name in the module that changes, where it is no function."""

    def __str__(self) -> str:
        return f"{self.path}:{self.lines[0]} {self.what}"

    def source(self, text: str) -> str:
        """The module's text with the change."""
        tree = ast.parse(text)
        node, above = _at(tree, self.place), _above(tree, self.place)
        _what, change = list(_changes(node, above))[self.choice]
        _put(tree, self.place, change(node))
        return ast.unparse(ast.fix_missing_locations(tree))


def of(root: Path, path: str) -> Iterator[Mutant]:
    """Every mutant of the module."""
    tree = ast.parse((root / path).read_text())
    number = 0
    for place, constant in _places(tree):
        node = _at(tree, place)
        for choice, (what, _) in enumerate(_changes(node, _above(tree, place))):
            number += 1
            lines = tuple(range(node.lineno, (node.end_lineno or node.lineno) + 1))  # type: ignore[attr-defined]
            yield Mutant(path, number, lines, what, place, choice, constant)


def apply(mutant: Mutant) -> None:
    """Exchange the code of the loaded functions, or the number in every module that imported it."""
    name = mutant.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    module = sys.modules[name]
    text = Path(module.__file__ or "").read_text()
    if mutant.constant:
        before, space = vars(module)[mutant.constant], dict(vars(module))
        exec(compile(mutant.source(text), mutant.path, "exec"), space)
        for other in list(sys.modules.values()):
            if vars(other).get(mutant.constant) == before and type(vars(other)[mutant.constant]) is type(before):
                setattr(other, mutant.constant, space[mutant.constant])
        return
    was = _by_name(compile(ast.unparse(ast.parse(text)), "was", "exec"))
    now = _by_name(compile(mutant.source(text), module.__file__ or "", "exec"))
    changed = {key: code for key, code in now.items() if key in was and not _same(was[key], code)}
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__.co_filename == module.__file__:
            order = _order(function)
            if order in changed and function.__code__.co_freevars == changed[order].co_freevars:
                function.__code__ = changed[order]


def _order(function: FunctionType) -> str:
    return function.__code__.co_qualname


def _by_name(code: CodeType) -> dict[str, CodeType]:
    """The functions in compiled code, by qualified name; names that several have are left out."""
    found: dict[str, CodeType] = {}
    seen = Counter[str]()
    waiting = [code]
    while waiting:
        for constant in waiting.pop().co_consts:
            if isinstance(constant, CodeType):
                seen[constant.co_qualname] += 1
                found[constant.co_qualname] = constant
                waiting.append(constant)
    return {name: code for name, code in found.items() if seen[name] == 1}


def _same(one: CodeType, two: CodeType) -> bool:
    return (
        one.co_code == two.co_code
        and one.co_names == two.co_names
        and all(
            (_same(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else type(a) is type(b) and a == b)
            for a, b in zip(one.co_consts, two.co_consts, strict=False)
        )
        and len(one.co_consts) == len(two.co_consts)
    )


# --- places and changes ----------------------------------------------------------------------------------------------


def _places(tree: ast.Module) -> Iterator[tuple[Place, str]]:
    """Paths to the nodes that may change: all in bodies of functions, and numbers that the module names."""

    def walk(node: ast.AST, place: Place, *, inside: bool) -> Iterator[tuple[Place, str]]:
        if inside:
            yield place, ""
        function = isinstance(node, ast.FunctionDef)
        for name, value in ast.iter_fields(node):
            if (function and name != "body") or name in ("annotation", "returns", "decorator_list"):
                continue
            for number, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST):
                    yield from walk(child, (*place, (name, number)), inside=inside or function)

    yield from walk(tree, (), inside=False)
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_number(node.value):
            yield (("body", number), ("value", None)), node.targets[0].id


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _at(tree: ast.AST, place: Place) -> ast.AST:
    for name, number in place:
        value = getattr(tree, name)
        tree = value if number is None else value[number]
    return tree


def _above(tree: ast.AST, place: Place) -> list[ast.AST]:
    return [_at(tree, place[:length]) for length in range(len(place))]


def _put(tree: ast.AST, place: Place, new: ast.AST) -> None:
    *way, (name, number) = place
    above = _at(tree, tuple(way))
    if number is None:
        setattr(above, name, new)
    else:
        getattr(above, name)[number] = new


def _changes(node: ast.AST, above: list[ast.AST]) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[op]):
            for other in COMPARED[type(op)]:
                yield f"{type(op).__name__} → {other.__name__}", lambda n, other=other: _with(n, ops=[other()])
        case ast.BoolOp():
            other_bool = ast.Or if isinstance(node.op, ast.And) else ast.And
            yield f"→ {other_bool.__name__}", lambda n: _with(n, op=other_bool())
        case ast.UnaryOp(op=ast.Not()):
            yield "not left out", lambda n: n.operand  # type: ignore[attr-defined]
        case ast.BinOp(op=op) if type(op) in REACHED and not _is_text(node):
            yield f"→ {REACHED[type(op)].__name__}", lambda n: _with(n, op=REACHED[type(op)]())
        case ast.Constant() if not _is_telling(above):
            yield from _constants(node, above)
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield "returns None", lambda n: _with(n, value=ast.Constant(None))
        case (
            ast.If(test=ast.Name() | ast.Attribute() | ast.Call())
            | ast.IfExp(test=ast.Name() | ast.Attribute() | ast.Call())
        ):
            yield "if not", lambda n: _with(n, test=ast.UnaryOp(ast.Not(), n.test))  # type: ignore[attr-defined]
        case ast.Expr(value=ast.Call() as call) if not _is_told(call):
            yield f"without {ast.unparse(call.func)}()", lambda n: _nothing(n.value.func)  # type: ignore[attr-defined]
        case ast.Assign(targets=[ast.Attribute() as target]):
            yield f"without {ast.unparse(target)} =", lambda _: ast.Pass()
        case ast.Raise():
            yield f"without {ast.unparse(node)[:60]}", lambda _: ast.Pass()


def _nothing(function: ast.expr) -> ast.stmt:
    """In place of a call; ``super()`` stays, as it makes the cell without which the code cannot be exchanged."""
    if isinstance(function, ast.Attribute) and ast.unparse(function.value) == "super()":
        return ast.Expr(function.value)
    return ast.Pass()


def _with(node: ast.AST, **values: object) -> ast.AST:
    for name, value in values.items():
        setattr(node, name, value)
    return node


def _constants(node: ast.Constant, above: list[ast.AST]) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} → {not value}", lambda _: ast.Constant(not value)
    elif isinstance(value, int):
        yield f"{value} → {value + 1}", lambda _: ast.Constant(value + 1)
    elif isinstance(value, str) and value and not isinstance(above[-1], ast.Expr | ast.JoinedStr | ast.FormattedValue):
        yield f"{value[:30]!r} → other word", lambda _: ast.Constant(f"XX{value}")


def _is_told(call: ast.Call) -> bool:
    function = call.func
    return ast.unparse(function).startswith("log.") or (isinstance(function, ast.Name) and function.id in TELLING)


def _is_telling(above: list[ast.AST]) -> bool:
    """Inside of what is said to people, or of an ``assert`` that only helps the type checker."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in TELLING)
        for node in above
    )


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
               for side in (node.left, node.right))  # fmt: skip
