#!/usr/bin/env python3
"""The figures of a document are those that a program prints (figures_test.py DOCUMENT PROGRAM)

The program prints Markdown tables. Where the document has a table with the same head, each of its rows must be a row of the
program's, and every row of the program's must stand somewhere. Another compiler may merge accesses otherwise, so numbers may
differ by 2 % and by one in their last digit.
"""
import pathlib
import re
import subprocess
import sys

TABLE = re.compile(r"^(\|.*\|)\n\|[-| ]+\|\n((?:\|.*\|\n)+)", re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(text):
    """(head, rows) of each table."""
    for table in TABLE.finditer(text):
        yield tuple(cells(table[1])), [cells(line) for line in table[2].splitlines()]


def alike(ours, theirs):
    """Whether two cells have the same words and nearly the same numbers."""
    if NUMBER.split(ours) != NUMBER.split(theirs):
        return False
    for a, b in zip(NUMBER.findall(ours), NUMBER.findall(theirs)):
        digit = 10.0 ** -len(a.partition(".")[2])
        if abs(float(a) - float(b)) > max(0.02 * float(b), 1.001 * digit if "." in a else 0):
            return False
    return True


def main():
    document, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    counted = {head: {row[0]: row for row in rows} for head, rows in tables(printed)}
    quoted = {head: set() for head in counted}
    problems = []
    for head, rows in tables(document.read_text()):
        if head not in counted:
            continue
        for row in rows:
            quoted[head].add(row[0])
            now = counted[head].get(row[0])
            if now is None or len(now) != len(row) or not all(map(alike, row, now)):
                problems.append(f"quoted  | {' | '.join(row)} |\ncounted | {' | '.join(now or ['nothing'])} |")
    for head, rows in counted.items():
        for name in rows:
            if name not in quoted[head]:
                problems.append(f"'{name}' of the table '{head[0]}' is not quoted")
    print("\n".join(problems))
    print(f"{sum(map(len, quoted.values()))} rows, {len(problems)} problems")
    if problems:
        print(f"{document.name} must hold the tables as they are counted now:\n\n{printed}")
    return 1 if problems or not counted else 0


sys.exit(main())
