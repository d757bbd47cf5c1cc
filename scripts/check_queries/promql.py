"""Finds the selectors and label names of PromQL queries."""

import re

TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""|(?P<range>\[[^\]]*\])"""
    r"""|(?P<number>\d[\w.]*)"""
    r"""|(?P<name>[A-Za-z_:][\w:]*)"""
    r"""|(?P<other>\S)""",
)
# Operators that take a list of labels, and those that do not.
GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
WORDS = {"and", "or", "unless", "bool", "offset", "atan2"}


class Query:
    """A query with the selectors and label names that it contains."""

    def __init__(self, text):
        self.text = text
        self.selectors = []
        self.grouping_labels = set()
        self._read(list(TOKEN.finditer(text)))

    def _read(self, tokens):
        at = 0
        while at < len(tokens):
            name = tokens[at].group("name")
            following = tokens[at + 1].group() if at + 1 < len(tokens) else ""
            if name in GROUPING and following == "(":
                end = self._find(tokens, at + 1, ")")
                self.grouping_labels |= {t.group() for t in tokens[at + 2 : end] if t.group("name")}
                at = end
            # A function or an aggregation is followed by its arguments or its labels.
            elif name and name not in WORDS | GROUPING and following not in {"(", "by", "without"}:
                end = self._find(tokens, at + 1, "}") if following == "{" else at
                self.selectors.append(self.text[tokens[at].start() : tokens[end].end()])
                at = end
            at += 1

    def _find(self, tokens, at, closing):
        while at < len(tokens) and tokens[at].group() != closing:
            at += 1
        if at == len(tokens):
            raise ValueError(f"no {closing} in {self.text}")
        return at


def placeholders(text):
    """Returns the labels of a Grafana legend or of a template of an alert."""
    return set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text))


def self_test():
    """Fails if the functions of this file do not find what they should."""
    query = Query('max by (a, le) (rate(m_total{x="}", y=~"b.+"}[5m] offset 15m)) / ignoring (c) up[1m:1s] > 0.5')
    assert query.selectors == ['m_total{x="}", y=~"b.+"}', "up"], query.selectors
    assert query.grouping_labels == {"a", "le", "c"}, query.grouping_labels
    assert placeholders("{{instance}} is {{ $labels.status }} {{ $value }}") == {"instance", "status"}
