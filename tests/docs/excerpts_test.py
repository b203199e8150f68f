#!/usr/bin/env python3
"""Every block of C++ in the documents stands in the file that the line above it names (excerpts_test.py ROOT)

Indentation may differ, so that an excerpt from the depth of a function begins at the margin.
"""
import pathlib
import re
import sys

BLOCK = re.compile(r"^(?P<above>[^\n]*)\n```cpp\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def lines_of(text):
    return [line.strip() for line in text.splitlines()]


def occurs(excerpt, source):
    count = len(excerpt)
    return any(source[i : i + count] == excerpt for i in range(len(source) - count + 1))


def problem_of(root, above, code):
    """What is wrong with a block, or None."""
    name = re.fullmatch(r"`([^`]+)`", above.strip())
    if not name:
        return f"a block of C++ must stand below the name of its file in backticks, got '{above}'"
    path = root / name.group(1)
    if not path.is_file():
        return f"there is no file {name.group(1)}"
    excerpt = lines_of(code)
    if not any(excerpt):
        return f"the excerpt of {name.group(1)} must hold a line, it is empty"
    if not occurs(excerpt, lines_of(path.read_text())):
        return f"{name.group(1)} no longer holds the excerpt that begins '{excerpt[0]}'"
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    checked = failures = 0
    for document in sorted([root / "README.md", *root.glob("docs/*.md")]):
        for block in BLOCK.finditer(document.read_text()):
            checked += 1
            problem = problem_of(root, block["above"], block["code"])
            if problem:
                failures += 1
                print(f"{document.relative_to(root)}: {problem}")
    print(f"{checked} excerpts, {failures} wrong")
    return 1 if failures or not checked else 0


sys.exit(main())
