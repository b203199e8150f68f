#!/usr/bin/env bash
# train and eval on the device cuda, emulated: the CPU's losses, with the same dropout masks; checkpoints of either device.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

short=(--quiet --set train.steps=20 --set "eval.lengths=[16]" --set checkpoint.every=10)
check "20 steps on the CPU" train --run cpu --device cpu "${short[@]}"
expect 0 "cuda is emulated on the CPU" train --run cuda --device cuda "${short[@]}"
python "the losses of both agree" << 'PYTHON'
import json
cpu, cuda = ([json.loads(line) for line in open(f"{run}/metrics.jsonl")] for run in ("cpu", "cuda"))
assert len(cpu) == len(cuda) == 21
for one, other in zip(cpu, cuda):
    assert one.keys() == other.keys()
    for key in ("loss", "task_loss", "contrastive_loss", "grad_norm", "encoder_grad_norm"):
        if "loss" in one:
            assert abs(one[key] - other[key]) <= 2e-5 * abs(one[key]), (one["step"], key, one[key], other[key])
    if "loss" in one and one["transfer_loss"] is not None:  # tiny, and the difference of near equal numbers
        assert abs(one["transfer_loss"] - other["transfer_loss"]) <= 1e-9, one["step"]
assert abs(cpu[-1]["eval"]["nll"] - cuda[-1]["eval"]["nll"]) < 1e-5
PYTHON
python "env.json tells the device" << 'PYTHON'
import json
cpu, cuda = (json.load(open(f"{run}/env.json")) for run in ("cpu", "cuda"))
assert cpu["device"] == "cpu" and "cuda" not in cpu, cpu
assert cuda["device"] == "cuda" and cuda["cuda"]["device cuda"].startswith("emulated on the CPU"), cuda
assert "driver" in cuda["cuda"], cuda
PYTHON
"$engine" train lm "${tiny[@]}" --run cudnn --device cuda "${short[@]}" --set train.steps=2 --set data.block_size=24 \
  --set "eval.lengths=[24]" --set kernels.attention=cudnn 2> cudnn.err
check "attention that this build lacks is told once" test "$(grep -c \
  "warning: kernels.attention=cudnn: own kernels compute where cuDNN does not: the device is emulated." cudnn.err)" -eq 1
expect 0 "times of the emulator say nothing of a GPU" "$engine" doctor
check "a run goes on on the other device" bash -c '"$0" train lm --config cuda/config.yaml --run cuda --resume auto --quiet \
  --device cpu --set train.steps=22 && "$0" train lm --config cpu/config.yaml --run cpu --resume auto --quiet --device cuda \
  --set train.steps=22' "$engine"
for device in cpu cuda; do
  "$engine" eval lm --checkpoint cpu --device $device --lengths 16,48 --json 2> /dev/null > "$device.json"
done
python "evaluations agree" << 'PYTHON'
import json
cpu, cuda = (json.load(open(f"{device}.json"))["results"] for device in ("cpu", "cuda"))
assert [row["length"] for row in cpu] == [16, 48]
assert all(abs(a["nll"] - b["nll"]) < 1e-5 and a["tokens"] == b["tokens"] for a, b in zip(cpu, cuda)), (cpu, cuda)
PYTHON

# Images: ViT with both losses, drop path and dropout.
for device in cpu cuda; do
  check "10 steps of vit on $device" "$engine" train vit --config "$tests/tools/tiny_vit.yaml" --run "vit_$device" --device $device \
    --quiet --set train.steps=10 --set data.workers=0
done
python "the losses of both agree on images" << 'PYTHON'
import json
cpu, cuda = ([json.loads(line) for line in open(f"vit_{device}/metrics.jsonl")] for device in ("cpu", "cuda"))
assert len(cpu) == len(cuda) == 11
for one, other in zip(cpu[:10], cuda[:10]):
    for key in ("loss", "task_loss", "contrastive_loss", "grad_norm", "encoder_grad_norm"):
        assert abs(one[key] - other[key]) <= 2e-5 * abs(one[key]), (one["step"], key, one[key], other[key])
assert abs(cpu[-1]["eval"]["loss"] - cuda[-1]["eval"]["loss"]) < 1e-5
PYTHON

# The device is a step ahead of the host when that reads a loss that is not finite.
for device in cpu cuda; do
  "$engine" train lm --config "$tests/tools/tiny.yaml" --run "failing_$device" --device $device --quiet --set train.steps=6 \
    --set "eval.lengths=[16]" --set checkpoint.every=2 --set train.learning_rate=1e30 2> "failing_$device.err"
  check "exit code of a run that diverges on $device" test $? -eq 7
done
check "both devices name the step" diff <(grep -o "of step [0-9]* is not finite" failing_cpu.err) <(grep -o "of step [0-9]* is not finite" failing_cuda.err)
check "no checkpoint of it" test "$(ls failing_cpu/checkpoints)" = "$(ls failing_cuda/checkpoints)"

# Positions that follow from a formula: their tables are on the device.
for position in sinusoidal rotary alibi; do
  for device in cpu cuda; do
    check "4 steps with $position positions on $device" train --run "${position}_$device" --device $device --quiet \
      --set train.steps=4 --set "eval.lengths=[16,40]" --set "model.position=$position"
  done
done
python "their losses agree" << 'PYTHON'
import json
for position in ("sinusoidal", "rotary", "alibi"):
    runs = ([json.loads(line) for line in open(f"{position}_{device}/metrics.jsonl")] for device in ("cpu", "cuda"))
    steps = [(a, b) for a, b in zip(*runs) if "loss" in a]
    assert len(steps) == 4
    for a, b in steps:
        assert abs(a["loss"] - b["loss"]) <= 2e-5 * a["loss"], (position, a, b)
PYTHON

# Mixed precision: both round to bf16, in other places.
for device in cpu cuda; do
  check "5 steps in bf16 on $device" train --run "mixed_$device" --device $device --quiet --set train.steps=5 \
    --set "eval.lengths=[16]" --set train.precision=bf16
done
python "losses in bf16 agree" << 'PYTHON'
import json
runs = ([json.loads(line) for line in open(f"mixed_{device}/metrics.jsonl")] for device in ("cpu", "cuda"))
steps = [(a, b) for a, b in zip(*runs) if "loss" in a]
assert len(steps) == 5
for a, b in steps:
    assert abs(a["loss"] - b["loss"]) <= 2e-3 * a["loss"], (a, b)
PYTHON
finish
