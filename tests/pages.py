"""Read a page as a tree, so that tests ask for what is on it and not for strings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "use", "path", "circle", "rect"}


@dataclass
class Node:
    """An element: its name, attributes, and what is inside."""

    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What a person reads, white space collapsed."""
        return " ".join(self._raw().split())

    def _raw(self) -> str:
        inner = "".join(c if isinstance(c, str) else c._raw() for c in self.children)
        return f" {inner} " if self.tag in {"p", "li", "dt", "dd", "div", "section", "h1", "h2", "h3", "h4"} else inner

    @property
    def classes(self) -> set[str]:
        return set(self.attrs.get("class", "").split())

    def walk(self) -> Iterator[Node]:
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.walk()

    def all(self, tag: str | None = None, cls: str | None = None, **attrs: str | None) -> list[Node]:
        """Elements inside; an attribute given as None only has to be there. ``_`` stands for ``-``."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        return [
            node
            for node in self.walk()
            if (tag is None or node.tag == tag)
            and (cls is None or cls in node.classes)
            and all(n in node.attrs and (v is None or node.attrs[n] == v) for n, v in wanted.items())
        ]

    def one(self, tag: str | None = None, cls: str | None = None, **attrs: str | None) -> Node:
        """The only such element."""
        found = self.all(tag, cls, **attrs)
        assert len(found) == 1, f"{len(found)} of {tag} {cls} {attrs}"
        return found[0]

    def block(self, heading: str) -> Node:
        """The section with this heading."""
        (found,) = [s for s in self.all("section") if any(h.text == heading for h in s.all("h4"))]
        return found

    def rows(self) -> dict[str, str]:
        """Terms and descriptions of the lists inside."""
        names = [n.text for n in self.all("dt")]
        return dict(zip(names, [n.text for n in self.all("dd")], strict=True))

    def buttons(self) -> list[str]:
        return [b.text for b in self.all("button")]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("#page")
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)


def parse(text: str) -> Node:
    """The page as a tree. Every element must be closed in order."""
    builder = _Builder()
    builder.feed(text)
    builder.close()
    assert len(builder.open) == 1, f"never closed: {[n.tag for n in builder.open[1:]]}"
    return builder.root


def order_of(answer) -> Node:
    """The only order on a page."""
    assert answer.status_code == 200, answer.status_code
    return parse(answer.text).one("article", data_order_id=None)
