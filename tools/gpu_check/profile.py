#!/usr/bin/env python3
"""Time by kernel, of what Nsight Compute measured: profile.py DATA reads DATA/profile.csv, writes DATA/profile.json and
prints a Markdown table. A kernel goes by its function's name and its grid: template arguments would fill the page."""
import collections
import csv
import json
import pathlib
import re
import sys

UNITS = {"s": 1.0, "second": 1.0, "ns": 1e-9, "us": 1e-6, "usecond": 1e-6, "nsecond": 1e-9, "ms": 1e-3, "msecond": 1e-3}


def name_of(signature):
    """seqpe::kernels::cuda::(anonymous namespace)::rows<float>(Args) is rows; a library's kernel keeps its long name."""
    plain = re.sub(r"\(anonymous namespace\)|<unnamed>|^void ", "", signature)
    while (shorter := re.sub(r"<[^<>]*>|\([^()]*\)", "", plain)) != plain:
        plain = shorter
    return plain.split("::")[-1].strip()[:80] or signature[:80]


def read(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith('"')]
    return [row for row in csv.DictReader(lines) if row.get("Metric Name") == "gpu__time_duration.sum"]


def main():
    data = pathlib.Path(sys.argv[1])
    kernels = collections.defaultdict(list)
    for row in read(data / "profile.csv"):
        seconds = float(row["Metric Value"].replace(",", "")) * UNITS[row["Metric Unit"]]
        kernels[name_of(row["Kernel Name"]), row["Grid Size"]].append(seconds)
    total = sum(map(sum, kernels.values()))
    if not total:
        sys.exit("profile: no kernel was measured")
    rows = [{"kernel": name, "grid": grid, "launches": len(times), "seconds": sum(times)}
            for (name, grid), times in sorted(kernels.items(), key=lambda item: -sum(item[1]))]
    (data / "profile.json").write_text(json.dumps({"seconds": total, "results": rows}, indent=1))
    print(f"{sum(row['launches'] for row in rows)} launches, {1e3 * total:.2f} ms\n")
    print("| kernel | grid | launches | us | share |\n|---|---|---|---|---|")
    for row in rows:
        if row["seconds"] > 0.002 * total:
            print(f"| {row['kernel']} | {row['grid']} | {row['launches']} | {1e6 * row['seconds']:.1f} | {row['seconds'] / total:.1%} |")


if __name__ == "__main__":
    main()
