#!/usr/bin/env python3
"""Measured times of kernels beside the cost model's bounds: kernels.py DATA reads DATA/kernel_times.json and, if it is
there, DATA/kernel_bounds.json, writes DATA/kernels.json and prints a Markdown table."""
import json
import pathlib
import sys


def main():
    data = pathlib.Path(sys.argv[1])
    times = json.loads((data / "kernel_times.json").read_text())
    bounds_file = data / "kernel_bounds.json"
    bounds = json.loads(bounds_file.read_text())["results"] if bounds_file.exists() else []
    models = {name for row in bounds for name in row["least_s"]}
    # "NVIDIA H100 80GB HBM3, compute capability ...": a word of the name. Other forms of a GPU have other rates of memory.
    words = times["gpu"].split(",")[0].split()
    model = next((name for name in sorted(models) if name in words and "PCIe" not in words), None)
    least = {(row["kernel"], row["shape"]): row["least_s"][model] for row in bounds} if model else {}

    print(f"{times['gpu']}; median of {times['repeats']} calls with a cold cache; bounds of {model or 'none, the cost model does not know this GPU'}\n")
    print("| kernel | shape | measured us | bound us | bound / measured | GB/s |\n|---|---|---|---|---|---|")
    rows = []
    for row in times["results"]:
        seconds, bound = row["median_s"], least.get((row["kernel"], row["shape"]))
        share = bound / seconds if bound else None
        rate = row["bytes_to_move"] / seconds
        rows.append({"kernel": row["kernel"], "shape": row["shape"], "measured_s": seconds, "bound_s": bound,
                     "share_of_bound": share, "bytes_per_s": rate})
        told = (f"{1e6 * bound:.1f}", f"{share:.0%}") if bound else ("", "")
        print(f"| {row['kernel']} | {row['shape']} | {1e6 * seconds:.1f} | {told[0]} | {told[1]} | {rate / 1e9:.0f} |")
    for row in rows:
        if row["share_of_bound"] and row["share_of_bound"] > 1:
            print(f"\n{row['kernel']}, {row['shape']}: faster than the bound, so the model or the measurement is wrong.")
    (data / "kernels.json").write_text(json.dumps({"gpu": times["gpu"], "model": model, "results": rows}, indent=1))


if __name__ == "__main__":
    main()
