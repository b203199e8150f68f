#!/usr/bin/env python3
"""A GPT-2 124M training step, fp32, of this engine and of PyTorch (eager, compiled), on two pinned cores.

The programs take turns in every round, so that a machine that slows down slows all of them; the medians over all
rounds are compared. Prints a Markdown table. PyTorch is taken from the interpreter given by --python.

    tools/bench/train_step.py --python venv/bin/python --rounds 3
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = {(4, 64): 6, (4, 512): 2}  # steps a round of (batch, tokens)


def run(command):
    environment = dict(os.environ, OMP_NUM_THREADS="2", OMP_PROC_BIND="true")
    out = subprocess.run(["taskset", "-c", "0,1", *map(str, command)], check=True, env=environment,
                         stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


def engine(binary, batch, tokens, steps):
    settings = {"model.position": "learned", "train.batch_size": batch, "data.block_size": tokens, "train.threads": 2}
    command = [binary, "bench", "train", "--json", "--steps", steps]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return run(command)


def pytorch(python, batch, tokens, steps, *flags):
    script = pathlib.Path(__file__).with_name("pytorch_baseline.py")
    return run([python, script, "--batch", batch, "--tokens", tokens, "--steps", steps, "--warmup", 2, *flags])


def shape(text):
    batch, tokens = map(int, text.split("x"))
    return batch, tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/cpu/bin/seqpe_engine")
    parser.add_argument("--python", default="python3", help="an interpreter with torch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shape", type=shape, action="append", help="BATCHxTOKENS; default: 4x64 and 4x512")
    args = parser.parse_args()
    print("| shape | program | step | speed-up of the engine | resident peak | outside GEMM and attention |")
    print("|---|---|---|---|---|---|")
    for batch, tokens in args.shape or STEPS:
        steps = STEPS.get((batch, tokens), 2)
        results = {"seqpe_engine": [], "PyTorch eager": [], "PyTorch compiled": []}
        for _ in range(args.rounds):
            results["seqpe_engine"].append(engine(args.binary, batch, tokens, steps))
            results["PyTorch eager"].append(pytorch(args.python, batch, tokens, steps))
            results["PyTorch compiled"].append(pytorch(args.python, batch, tokens, steps, "--compile"))
        median = {name: statistics.median(r["median_s"] for r in rounds) for name, rounds in results.items()}
        for name, rounds in results.items():
            peak = statistics.median(r["resident_peak_mb"] for r in rounds)
            rest = ""
            if "shares" in rounds[0]:
                inside = ("matmul", "attention_forward", "attention_backward")
                rest = f"{statistics.median(1 - sum(r['shares'][n] for n in inside) for r in rounds):.1%}"
            speed_up = "" if name == "seqpe_engine" else f"{median[name] / median['seqpe_engine']:.2f}x"
            print(f"| B {batch}, T {tokens} | {name} | {median[name] * 1e3:.0f} ms | {speed_up} | {peak:.0f} MB | {rest} |",
                  flush=True)


if __name__ == "__main__":
    main()
