"""A page, read as a browser and a screen reader would, for tests."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "rect", "line", "input", "hr"}


class Page(HTMLParser):
    """Parses on construction; `faults` names what is not well-formed.

    Attributes:
        text: all that is read.
        tags: (name, attributes) of every element.
        headings: (level, text) in order.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.faults += [f"{name} is not closed" for name in self._open]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")

    def handle_data(self, data):
        if "style" not in self._open:
            self.text += data
        if self.headings and self._open and any(name in self._open for name in ("h1", "h2", "h3", "h4")):
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)

    def all(self, name: str) -> list[dict[str, str]]:
        """Attributes of every element of that name."""
        return [attributes for tag, attributes in self.tags if tag == name]

    def values(self, attribute: str) -> list[str]:
        """Every value of an attribute."""
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]
