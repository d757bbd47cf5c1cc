#!/usr/bin/env python3
"""Checks that each relative link in the documents leads to an existing file and heading."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("migrations/*.md")]


def prose(path):
    """Returns the text of a document without fenced blocks."""
    return re.sub(r"^\s*```.*?^\s*```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(path):
    """Returns the anchors of the headings, as hosts of repositories make them."""
    titles = re.findall(r"^#+ +(.*)$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def is_broken(path, link):
    target, _, anchor = link.partition("#")
    file = (path.parent / target) if target else path
    return not file.exists() or bool(anchor) and anchor not in anchors(file)


checked, broken = 0, 0
for document in DOCUMENTS:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if "://" in link:
            continue
        checked += 1
        if is_broken(document, link):
            broken += 1
            print(f"{document.relative_to(ROOT)}: {link} leads nowhere", file=sys.stderr)
print(f"{checked} links, {broken} broken", file=sys.stderr)
sys.exit(1 if broken else 0)
