#!/usr/bin/env python3
"""Test accuracy of a linear classifier on the pixels of CIFAR-10's binary version: what a recipe on it has to beat. Every
pixel is standardised over the training images; softmax regression with an L2 penalty by L-BFGS, a line for each weight
of the penalty. Prints a Markdown table.

    venv/bin/pip install torch numpy
    venv/bin/python tools/bench/linear_baseline.py cifar-10-batches-bin
"""
import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

CLASSES, RECORD = 10, 1 + 3 * 32 * 32
PENALTIES = (1e-3, 1e-2, 3e-2, 1e-1, 2e-1, 4e-1, 8e-1)


def read(paths):
    records = np.concatenate([np.fromfile(path, np.uint8).reshape(-1, RECORD) for path in paths])
    return torch.from_numpy(records[:, 1:] / np.float32(255)), torch.from_numpy(records[:, 0].astype(np.int64))


def fit(images, labels, penalty):
    weight = torch.zeros(images.size(1), CLASSES, requires_grad=True)
    bias = torch.zeros(CLASSES, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=150, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(images @ weight + bias, labels) + penalty / 2 * (weight * weight).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weight.detach(), bias.detach()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="with data_batch_*.bin and test_batch.bin")
    args = parser.parse_args()
    images, labels = read(sorted(args.folder.glob("data_batch_*.bin")))
    test_images, test_labels = read([args.folder / "test_batch.bin"])
    mean, deviation = images.mean(0), images.std(0)
    images, test_images = ((part - mean) / deviation for part in (images, test_images))
    print("| weight of the L2 penalty | training | test |\n|---|---|---|")
    for penalty in PENALTIES:
        weight, bias = fit(images, labels, penalty)
        accuracy = [((part @ weight + bias).argmax(1) == truth).float().mean().item()
                    for part, truth in ((images, labels), (test_images, test_labels))]
        print(f"| {penalty:g} | {accuracy[0]:.1%} | {accuracy[1]:.1%} |", flush=True)


if __name__ == "__main__":
    main()
