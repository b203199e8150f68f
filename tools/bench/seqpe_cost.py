#!/usr/bin/env python3
"""What SeqPE costs: a training step of the published recipe's shapes (GPT-2 124M, T 512) at half its batch, unshifted,
with both losses, beside the same model with a learned table. The two take turns on two pinned cores.

    tools/bench/seqpe_cost.py --rounds 3
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMON = ["train.batch_size=16", "data.block_size=512", "train.threads=2"]
# Counts of one of the recipe's four GPUs: 512 + 16 + 16 * 32 + 16 * 32 = 1552 positions a step.
SEQPE = ["seqpe.shift.rate=0", "seqpe.contrastive.pivots=16", "seqpe.transfer.starts=16"]
PLAIN = ["model.position=learned"]


def step_seconds(binary, settings, steps):
    command = ["taskset", "-c", "0,1", str(binary), "bench", "train", "--config", "lm_wikitext103_seqpe", "--json",
               "--steps", str(steps)]
    for setting in COMMON + settings:
        command += ["--set", setting]
    environment = dict(os.environ, OMP_NUM_THREADS="2", OMP_PROC_BIND="true")
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return json.loads(out)["median_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/cpu/bin/seqpe_engine")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1)
    args = parser.parse_args()
    plain, seqpe = [], []
    for _ in range(args.rounds):
        plain.append(step_seconds(args.binary, PLAIN, args.steps))
        seqpe.append(step_seconds(args.binary, SEQPE, args.steps))
    ratio = statistics.median(seqpe) / statistics.median(plain)
    print(f"plain {statistics.median(plain):.2f} s, SeqPE {statistics.median(seqpe):.2f} s, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
