#!/usr/bin/env python3
"""A training step of GPT-2 124M and of ViT-S/16 (on a GPU also ViT-B/16) of this engine and of PyTorch (eager, compiled):
fp32 on two pinned cores, there the ViT of the package timm, or bf16 on a GPU (--device cuda), there also each with
attention by cuDNN (the engine's by kernels.attention=cudnn), and the published SeqPE recipe at one of its four GPUs'
counts, with concatenated queries and keys in PyTorch.

The programs take turns, so that a machine that slows down slows all of them. On a GPU each runs once a round, and the
medians over all rounds are compared. On the CPU all are running, but stopped save one, and another goes on after
the time of ten of the engine's steps; the medians over all steps that no stop fell into are compared, of as many as
every program had the time for.
Prints a Markdown table. PyTorch is taken from the interpreter given by --python; without one only the engine is timed.

    tools/bench/train_step.py --python venv/bin/python --rounds 3
"""
import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

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
CPU = [("GPT-2", GPT2, [], 4, 64, 12), ("GPT-2", GPT2, [], 4, 512, 5),
       ("ViT-S/16", VIT, [*THEIR_VIT, "--timm"], 8, VIT_TOKENS, 12)]
GPU = [("GPT-2", GPT2, [], 32, 512, 20), ("SeqPE", SEQPE, ["--seqpe"], 32, 512, 20),
       ("ViT-S/16", VIT, THEIR_VIT, 256, VIT_TOKENS, 10),
       ("ViT-B/16", VIT_B, THEIR_VIT_B, 256, VIT_TOKENS, 5)]
PEERS = {"PyTorch eager": [], "PyTorch compiled": ["--compile"]}
GPU_PEERS = {**PEERS, "PyTorch compiled, cuDNN": ["--compile", "--cudnn"]}


def on_cpu(command):
    """A command and its environment: two pinned cores, and a compiler within the program, which stops with it."""
    return (["taskset", "-c", "0,1", *command],
            dict(os.environ, OMP_NUM_THREADS="2", OMP_PROC_BIND="true", TORCHINDUCTOR_COMPILE_THREADS="1"))


def run(command, device):
    command, environment = (command, os.environ) if device == "cuda" else on_cpu(command)
    return json.loads(subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout)


def take_turns(commands, turn):
    """Runs all commands on the CPU, one of them awake for `turn` seconds at a time, and returns what each printed."""
    processes = {}

    def send(name, number):
        os.killpg(processes[name].pid, number)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for name, command in commands.items():
            command, environment = on_cpu(command)
            processes[name] = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True,
                                               start_new_session=True)
            send(name, signal.SIGSTOP)
        waiting = list(processes)
        while waiting:
            for name in list(waiting):
                send(name, signal.SIGCONT)
                try:
                    status = processes[name].wait(timeout=turn)
                except subprocess.TimeoutExpired:
                    send(name, signal.SIGSTOP)
                    continue
                if status != 0:
                    raise subprocess.CalledProcessError(status, commands[name])
                waiting.remove(name)
    finally:
        for name, process in processes.items():
            if process.poll() is None:
                send(name, signal.SIGKILL)
                process.wait()
    return {name: json.loads(process.stdout.read()) for name, process in processes.items()}


def undisturbed(runs, turn):
    """The steps of each program that no stop of a turn fell into, of as many as fit into the time of the fastest."""
    for name, result in runs.items():
        if 3 * min(result["seconds"]) > turn:
            raise SystemExit(f"[train_step] steps of {name} take {min(result['seconds']):.1f} s or more, of which a turn "
                             f"of {turn:.1f} s must hold at least 3")
    clean = {name: [s for s in result["seconds"] if s < min(result["seconds"]) + turn / 2]
             for name, result in runs.items()}
    least = min(sum(seconds) for seconds in clean.values())
    return {name: [s for s, total in zip(seconds, itertools.accumulate(seconds)) if total <= least]
            for name, seconds in clean.items()}


def engine(args, options, batch, tokens, steps):
    """Its command."""
    settings = {"train.batch_size": batch, "data.block_size": tokens, "train.device": args.device}  # a ViT reads no blocks
    settings.update({"train.precision": "bf16"} if args.device == "cuda" else {"train.threads": 2})
    command = [args.binary, "bench", "train", "--json", "--steps", steps, "--warmup", 2, *options]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return [str(word) for word in command]


def pytorch(args, options, batch, tokens, steps):
    script = pathlib.Path(__file__).with_name("pytorch_baseline.py")
    device = ["--device", "cuda", "--bf16"] if args.device == "cuda" else []
    return [str(word) for word in [args.python, script, "--batch", batch, "--tokens", tokens, "--steps", steps,
                                   "--warmup", 2, *device, *options]]


def peers_on(device):
    return GPU_PEERS if device == "cuda" else PEERS


def compile_all(args, workloads):
    """Runs what PyTorch compiles, on a GPU side by side: its cache then holds the kernels for the timed runs."""
    todo = [(args, [*theirs, *options], batch, tokens, 1) for _, _, theirs, batch, tokens, _ in workloads
            for options in peers_on(args.device).values() if "--compile" in options]
    with concurrent.futures.ThreadPoolExecutor(len(todo) if args.device == "cuda" else 1) as pool:
        list(pool.map(lambda call: run(pytorch(*call), args.device), todo))


def rows_of(args, model, ours, theirs, batch, tokens, steps):
    """The medians of each program on one shape."""
    on_gpu = args.device == "cuda"
    if not on_gpu:
        steps *= args.rounds
    commands = {"seqpe_engine": engine(args, ours, batch, tokens, steps)}
    if on_gpu:
        by_cudnn = [*ours, "--set", "kernels.attention=cudnn"]
        commands["seqpe_engine, cuDNN"] = engine(args, by_cudnn, batch, tokens, steps)
    if args.python:
        for name, options in peers_on(args.device).items():
            commands[name] = pytorch(args, [*theirs, *options], batch, tokens, steps)
    results = {name: [] for name in commands}
    if on_gpu:
        for _ in range(args.rounds):
            for name, command in commands.items():
                results[name].append(run(command, args.device))
    else:
        alone = run(engine(args, ours, batch, tokens, 5), args.device)
        turn = max(5, 10 * alone["median_s"])
        runs = take_turns(commands, turn)
        for name, seconds in undisturbed(runs, turn).items():
            results[name] = [dict(runs[name], median_s=statistics.median(seconds))]
    rows = []
    for name, rounds in results.items():
        row = {"model": model, "batch": batch, "tokens": tokens, "program": name}
        for key in ("median_s", "resident_peak_mb", "tensor_peak_mb", "device_peak_mb"):
            if key in rounds[0]:
                row[key] = statistics.median(r[key] for r in rounds)
        # A device tells its memory; a recorded step is one row of the profile.
        peaks = ("device_peak_mb", "tensor_peak_mb") if args.device == "cuda" else ("resident_peak_mb",)
        row["peak_mb"] = next(row[peak] for peak in peaks if peak in row)
        if name == "seqpe_engine" and not on_gpu:
            inside = ("matmul", "attention_forward", "attention_backward")
            row["outside"] = 1 - sum(alone["shares"].get(kernel, 0) for kernel in inside)
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
    if args.device == "cpu" and args.python:
        compile_all(args, workloads)
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
