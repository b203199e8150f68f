#!/usr/bin/env python3
"""A training step of GPT-2 124M and of ViT-S/16 (on a GPU also ViT-B/16) of this engine and of PyTorch (eager, compiled): fp32 on two pinned cores,
there the ViT of the package timm, or bf16 on a GPU (--device cuda), there also each with attention by cuDNN (the engine's
by kernels.attention=cudnn), and the published SeqPE recipe at one of its four GPUs' counts, with concatenated queries and
keys in PyTorch.

The programs take turns in every round, so that a machine that slows down slows all of them; the medians over all
rounds are compared. Prints a Markdown table. PyTorch is taken from the interpreter given by --python; without one only
the engine is timed.

    tools/bench/train_step.py --python venv/bin/python --rounds 3
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
GPT2 = ["--set", "model.position=learned"]
SEQPE = ["--config", "lm_wikitext103_seqpe", "--set", "seqpe.shift.rate=0", "--set", "seqpe.contrastive.pivots=16",
         "--set", "seqpe.transfer.starts=16"]
VIT = ["--config", "vit_s16_imagenet_learned", "--set", "train.micro_batch_size=auto"]
THEIR_VIT = ["--vit", "vit_small_patch16_224"]
VIT_B = ["--config", "vit_b16_imagenet_learned", "--set", "train.micro_batch_size=auto", "--set", "model.drop_path=0"]
THEIR_VIT_B = ["--vit", "vit_base_patch16_224"]
VIT_TOKENS = 1 + (224 // 16) ** 2
# model, options of the engine, of PyTorch, batch, tokens, steps a round
CPU = [("GPT-2", GPT2, [], 4, 64, 6), ("GPT-2", GPT2, [], 4, 512, 2),
       ("ViT-S/16", VIT, [*THEIR_VIT, "--timm"], 8, VIT_TOKENS, 3)]
GPU = [("GPT-2", GPT2, [], 32, 512, 20), ("SeqPE", SEQPE, ["--seqpe"], 32, 512, 20),
       ("ViT-S/16", VIT, THEIR_VIT, 256, VIT_TOKENS, 10),
       ("ViT-B/16", VIT_B, THEIR_VIT_B, 256, VIT_TOKENS, 5)]
PEERS = {"PyTorch eager": [], "PyTorch compiled": ["--compile"]}
GPU_PEERS = {**PEERS, "PyTorch compiled, cuDNN": ["--compile", "--cudnn"]}


def run(command, device):
    if device == "cuda":
        environment = os.environ
    else:
        command = ["taskset", "-c", "0,1", *command]
        environment = dict(os.environ, OMP_NUM_THREADS="2", OMP_PROC_BIND="true")
    out = subprocess.run([str(word) for word in command], check=True, env=environment, stdout=subprocess.PIPE,
                         text=True).stdout
    return json.loads(out)


def engine(args, options, batch, tokens, steps):
    settings = {"train.batch_size": batch, "data.block_size": tokens, "train.device": args.device}  # a ViT reads no blocks
    settings.update({"train.precision": "bf16"} if args.device == "cuda" else {"train.threads": 2})
    command = [args.binary, "bench", "train", "--json", "--steps", steps, "--warmup", 2, *options]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return run(command, args.device)


def pytorch(args, options, batch, tokens, steps):
    script = pathlib.Path(__file__).with_name("pytorch_baseline.py")
    device = ["--device", "cuda", "--bf16"] if args.device == "cuda" else []
    return run([args.python, script, "--batch", batch, "--tokens", tokens, "--steps", steps, "--warmup", 2, *device,
                *options], args.device)


def peers_on(device):
    return GPU_PEERS if device == "cuda" else PEERS


def compile_all(args, workloads):
    """Runs what PyTorch compiles, side by side: its cache then holds the kernels for the timed runs."""
    todo = [(args, [*theirs, *options], batch, tokens, 1) for _, _, theirs, batch, tokens, _ in workloads
            for options in peers_on(args.device).values() if "--compile" in options]
    with concurrent.futures.ThreadPoolExecutor(len(todo)) as pool:
        list(pool.map(lambda call: pytorch(*call), todo))


def rows_of(args, model, ours, theirs, batch, tokens, steps):
    """The medians of each program on one shape."""
    programs = {"seqpe_engine": lambda: engine(args, ours, batch, tokens, steps)}
    if args.device == "cuda":
        by_cudnn = [*ours, "--set", "kernels.attention=cudnn"]
        programs["seqpe_engine, cuDNN"] = lambda: engine(args, by_cudnn, batch, tokens, steps)
    if args.python:
        for name, options in peers_on(args.device).items():
            programs[name] = lambda more=options: pytorch(args, [*theirs, *more], batch, tokens, steps)
    results = {name: [] for name in programs}
    for _ in range(args.rounds):
        for name, program in programs.items():
            results[name].append(program())
    rows = []
    for name, rounds in results.items():
        row = {"model": model, "batch": batch, "tokens": tokens, "program": name}
        for key in ("median_s", "resident_peak_mb", "tensor_peak_mb", "device_peak_mb"):
            if key in rounds[0]:
                row[key] = statistics.median(r[key] for r in rounds)
        # A device tells its memory; a recorded step is one row of the profile.
        peaks = ("device_peak_mb", "tensor_peak_mb") if args.device == "cuda" else ("resident_peak_mb",)
        row["peak_mb"] = next(row[peak] for peak in peaks if peak in row)
        if "shares" in rounds[0] and args.device == "cpu":
            inside = ("matmul", "attention_forward", "attention_backward")
            row["outside"] = statistics.median(1 - sum(r["shares"].get(n, 0) for n in inside) for r in rounds)
        row["speed_up"] = row["median_s"] / rows[0]["median_s"] if rows else None
        rows.append(row)
    return rows


def shape(text):
    batch, tokens = map(int, text.split("x"))
    return batch, tokens


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be >= 1, got {value}")
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/cpu/bin/seqpe_engine")
    parser.add_argument("--python", help="an interpreter with torch")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--shape", type=shape, action="append", help="BATCHxTOKENS; of GPT-2; default: those of the device")
    parser.add_argument("--model", choices=["GPT-2", "SeqPE", "ViT-S/16", "ViT-B/16"], help="this model alone")
    parser.add_argument("--json", help="a file for the results")
    parser.add_argument("--compile-only", action="store_true", help="fill PyTorch's cache and time nothing")
    args = parser.parse_args()
    workloads = GPU if args.device == "cuda" else CPU
    if args.shape:
        workloads = [("GPT-2", GPT2, [], batch, tokens, 2) for batch, tokens in args.shape]
    if args.model:
        there = sorted({workload[0] for workload in workloads})
        workloads = [workload for workload in workloads if workload[0] == args.model]
        if not workloads:
            parser.error(f"--model must be one of {', '.join(there)} here, got {args.model}")
    if args.compile_only:
        if not args.python:
            parser.error("--compile-only needs --python")
        return compile_all(args, workloads)
    memory = "device" if args.device == "cuda" else "resident"
    print(f"| model | shape | program | step | speed-up of the engine | {memory} peak | outside GEMM and attention |")
    print("|---|---|---|---|---|---|---|")
    results = []
    for workload in workloads:
        rows = rows_of(args, *workload)
        results += rows
        for row in rows:
            speed_up = f"{row['speed_up']:.2f}x" if row["speed_up"] else ""
            rest = f"{row['outside']:.1%}" if "outside" in row else ""
            print(f"| {row['model']} | B {row['batch']}, T {row['tokens']} | {row['program']} | {row['median_s'] * 1e3:.{1 if row['median_s'] < 0.1 else 0}f} ms | "
                  f"{speed_up} | {row['peak_mb']:.0f} MB | {rest} |", flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"device": args.device, "results": results}, indent=1))


if __name__ == "__main__":
    main()
