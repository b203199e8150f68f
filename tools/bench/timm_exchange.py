#!/usr/bin/env python3
"""Holds a ViT of this engine against the package timm: a model trained here loads there with every name, and gives the same
loss and accuracies on the same images; a model of timm with other weights is evaluated here alike. Prints a line for
each and ends with status 1 where they differ.

    venv/bin/pip install timm safetensors
    venv/bin/python tools/bench/timm_exchange.py
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLASSES, IMAGE, PATCH, WIDTH, LAYERS, HEADS, COUNT = 7, 32, 4, 96, 3, 3, 140
SETTINGS = {"model.image": IMAGE, "model.patch": PATCH, "model.width": WIDTH, "model.layers": LAYERS, "model.heads": HEADS,
            "model.position": "learned", "train.steps": 30, "train.warmup_steps": 2, "train.batch_size": 20, "eval.sizes": [IMAGE]}
MEAN, DEVIATION = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def write_images(folder):
    """Random blocks of colour, in class folders; returns them as timm takes them, in the order of their names."""
    random = np.random.default_rng(1)
    images, labels = [], []
    for number in range(COUNT):
        label = number * CLASSES // COUNT
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        for split in ("train", "val"):
            path = folder / split / f"class{label}" / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        images.append((torch.from_numpy(pixels).permute(2, 0, 1) / 255 - MEAN) / DEVIATION)
        labels.append(label)
    return torch.stack(images), torch.tensor(labels)


def engine(binary, *words):
    out = subprocess.run([binary, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return out


def evaluated_here(binary, checkpoint, data):
    result = json.loads(engine(binary, "eval", "vit", "--checkpoint", checkpoint, "--data", data, "--json", "-q"))
    return {key: result["results"][0][key] for key in ("loss", "top1", "top5")}


def evaluated_there(model, images, labels):
    with torch.no_grad():
        logits = model.eval()(images)
    best = logits.topk(5).indices == labels[:, None]
    return {"loss": F.cross_entropy(logits.double(), labels).item(), "top1": best[:, 0].double().mean().item(),
            "top5": best.any(1).double().mean().item()}


def compare(what, here, there):
    equal = abs(here["loss"] - there["loss"]) < 1e-5 * abs(there["loss"]) and all(
        abs(here[key] - there[key]) < 1e-9 for key in ("top1", "top5"))
    print(f"{what}: seqpe_engine {here}, timm {there}: {'equal' if equal else 'DIFFERENT'}")
    return equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/cpu/bin/seqpe_engine"))
    args = parser.parse_args()
    torch.manual_seed(1)
    model = VisionTransformer(img_size=IMAGE, patch_size=PATCH, num_classes=CLASSES, embed_dim=WIDTH, depth=LAYERS, num_heads=HEADS)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        images, labels = write_images(folder / "images")
        settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={json.dumps(value)}")]
        run = folder / "run"
        engine(args.binary, "train", "vit", "--config", "vit_cifar10", "--set", f"data.path={folder / 'images'}", *settings, "--run", run, "-q")
        checkpoint = sorted((run / "checkpoints").glob("step_*"))[-1]
        model.load_state_dict(load_file(checkpoint / "model.safetensors"), strict=True)
        equal = compare("trained here", evaluated_here(args.binary, checkpoint, folder / "images"), evaluated_there(model, images, labels))

        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2)
        back = folder / "from_timm"
        back.mkdir()
        shutil.copy(checkpoint / "config.yaml", back)
        save_file(model.state_dict(), back / "model.safetensors")
        equal &= compare("from timm", evaluated_here(args.binary, back, folder / "images"), evaluated_there(model, images, labels))
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
