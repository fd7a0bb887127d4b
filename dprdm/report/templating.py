"""Templates of pages and cards: what is said lives there, and every value is escaped for the language of its page."""

import re
from typing import Any

import jinja2

from dprdm.report.formatting import escape_markdown, number, odds, share, shortened
from dprdm.report.tables import markdown_table


def fill_template(template: str, **values: Any) -> str:
    """Fill in a template.

    Values are escaped in HTML. In Markdown the filters `md` and `code` escape them, and runs of empty lines become one.

    Raises:
        jinja2.UndefinedError: if a value is missing.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dprdm.report"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        number=number, odds=odds, share=share, shortened=shortened, md=escape_markdown,
        code=lambda text: " ".join(text.replace("`", "'").split()),
        markdown_table=lambda table: markdown_table(table, escape_markdown),
    )  # fmt: skip
    text = environment.get_template(template).render(**values)
    return text if ".html" in template else re.sub(r"\n{3,}", "\n\n", text)
