#!/usr/bin/env python3
"""Images a second on one core: decoding alone, and decoding with all changes of training at 224, of this engine and of
Pillow with timm's transforms (those that the published image models were trained with).

The programs take turns in every round, all on the same core, so that a machine that slows down slows all of them; the
medians over all rounds are compared. Prints a Markdown table. PyTorch, timm and Pillow are this interpreter's own.

    venv/bin/pip install torch torchvision timm "Pillow<13"  # with 13 timm asks for posterize of 0 bits, which it refuses
    venv/bin/python tools/bench/image_loading.py IMAGES --rounds 7

IMAGES is a folder of class folders, or one with train/. A cache of them with a shorter side of at most 256 is made for
the third line.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXTENSIONS = {".jpg", ".jpeg", ".png"}


def engine(binary, path, images):
    out = subprocess.run([binary, "bench", "data", path, "--images", str(images), "--json"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


def rate(count, work):
    begin = time.perf_counter()
    for number in range(count):
        work(number)
    return count / (time.perf_counter() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("--binary", default=str(ROOT / "build/cpu/bin/seqpe_engine"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=180, help="images a round")
    parser.add_argument("--core", type=int, default=0)
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.core})
    os.environ["OMP_NUM_THREADS"] = "1"

    import PIL
    import timm
    import torch
    from PIL import Image
    from timm.data import create_transform

    torch.set_num_threads(1)
    torch.manual_seed(0)
    transform = create_transform(224, is_training=True, auto_augment="rand-m9-mstd0.5-inc1", interpolation="bicubic",
                                 color_jitter=0.4, re_prob=0.25, re_mode="pixel", re_count=1)
    folder = pathlib.Path(args.images)
    folder = folder / "train" if (folder / "train").is_dir() else folder
    files = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in EXTENSIONS)

    def decoded(number):
        with open(files[number % len(files)], "rb") as file:
            return Image.open(file).convert("RGB")

    rates = {name: [] for name in ("decode", "train", "cached", "pillow", "timm")}
    with tempfile.TemporaryDirectory() as temporary:
        cache = str(pathlib.Path(temporary) / "cache")
        subprocess.run([args.binary, "data", "prepare", str(folder), cache, "--shorter-side", "256", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
        rate(len(files), lambda number: transform(decoded(number)))
        for _ in range(args.rounds):
            own = engine(args.binary, str(folder), args.count)
            rates["decode"].append(own["read_images_per_s"])
            rates["pillow"].append(rate(args.count, decoded))
            rates["train"].append(own["train_images_per_s"])
            rates["timm"].append(rate(args.count, lambda number: transform(decoded(number))))
            rates["cached"].append(engine(args.binary, cache, args.count)["train_images_per_s"])
    median = {name: statistics.median(values) for name, values in rates.items()}

    print(f"{len(files)} files, {args.count} images a round, {args.rounds} rounds, "
          f"Pillow {PIL.__version__}, timm {timm.__version__}, PyTorch {torch.__version__}\n")
    print("| work | seqpe_engine, images/s | Pillow + timm, images/s | ratio |\n|---|---|---|---|")
    for work, own, other in (("decode", "decode", "pillow"), ("decode and change for training", "train", "timm"),
                             ("the same from a cache, shorter side 256", "cached", "timm")):
        print(f"| {work} | {median[own]:.0f} | {median[other]:.0f} | {median[own] / median[other]:.2f}x |")


if __name__ == "__main__":
    main()
