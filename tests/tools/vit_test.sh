#!/usr/bin/env bash
# train vit and eval vit: a run, its resume bit for bit, any size, what is refused.
# shellcheck disable=SC2016  # bash -c expands it
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

vit=(--config "$tests/tools/tiny_vit.yaml" --quiet)
check "12 steps" "$engine" train vit "${vit[@]}" --run whole
check "the images that the model saw" test -s whole/images.png
check "half of them" "$engine" train vit "${vit[@]}" --run halves --set checkpoint.every=6 --set train.eval_every=6
rm -rf halves/checkpoints/step_00000012 halves/checkpoints/latest halves/checkpoints/best
check "the other half, on other threads" "$engine" train vit --config halves/config.yaml --run halves --resume auto --quiet --set data.workers=0
python "a resumed run is the uninterrupted one, bit for bit" << 'PYTHON'
import json
whole, halves = ({line["step"]: line for line in map(json.loads, open(f"{run}/metrics.jsonl")) if "loss" in line} for run in ("whole", "halves"))
assert sorted(whole) == sorted(halves) == list(range(1, 13)), (sorted(whole), sorted(halves))
for step in whole:
    for line in (whole[step], halves[step]):
        line.pop("seconds")
    assert whole[step] == halves[step], (whole[step], halves[step])
assert whole[12]["images"] == 48 and whole[12]["contrastive_loss"] > 0, whole[12]
PYTHON
check "the same weights" cmp whole/checkpoints/step_00000012/model.safetensors halves/checkpoints/step_00000012/model.safetensors

"$engine" eval vit --checkpoint whole --sizes 16,36,40x48 --json 2> /dev/null > sizes.json
python "evaluation at any size" << 'PYTHON'
import json
told = json.load(open("sizes.json"))
assert told["task"] == "vit" and len(told["weights_sha256"]) == 64, told
assert [row["size"] for row in told["results"]] == [16, 36, "40x48"], told
for row in told["results"]:
    assert row["images"] == 1024 and 0 <= row["top1"] <= row["top5"] <= 1 and row["loss"] > 0, row
PYTHON
expect 0 "top-1 %" "$engine" eval vit --checkpoint whole --quiet
expect 0 "waited for images" "$engine" train vit --config "$tests/tools/tiny_vit.yaml" --run told --set train.steps=2
mkdir images
for class in zero one two three four five six seven; do
  mkdir -p "images/$class"
  cp whole/images.png "images/$class/"
done
images=(--set data.path=images --set 'eval.sizes=[36]')
other="and 'five' in the data"
expect 4 "$other" "$engine" eval vit --checkpoint whole --data images
expect 4 "$other" "$engine" train vit "${vit[@]}" --run whole --resume auto --set train.steps=14 "${images[@]}"
expect 4 "$other" "$engine" train vit "${vit[@]}" --run whole --resume auto --set train.steps=14 "${images[@]}" --dry-run
expect 0 "warning: [train] the weights are those of other classes" "$engine" train vit "${vit[@]}" --init-from whole "${images[@]}" --dry-run --run new

# What is seen before a training: classes of validation, sizes that its images do not have, a split that serves both.
mkdir -p set/{train,val}/{ant,bee}
cp whole/images.png set/train/ant/
cp whole/images.png set/train/bee/
cp whole/images.png set/val/ant/
cp -r set/val renamed
mv renamed/bee renamed/wasp
folders=(--set data.path=set --set train.steps=2 --set 'eval.sizes=[36]' --set model.image=36)
expect 4 "class 1 is 'bee' in the training images and 'wasp' in the validation images." "$engine" train vit "${vit[@]}" "${folders[@]}" --set data.valid_path=renamed --run no
expect 4 "class 1 is 'bee' in the training images" "$engine" train vit "${vit[@]}" "${folders[@]}" --set data.valid_path=renamed --dry-run
check "refused before a run is made" test ! -e no
cp -r set/train more
cp more/bee/images.png more/bee/again.png
check "validation on other images of the same classes" "$engine" train vit "${vit[@]}" "${folders[@]}" --set data.valid_path=more --run other
python "it is those that were evaluated" << 'PYTHON'
import json
rows = [line["eval"] for line in map(json.loads, open("other/metrics.jsonl")) if "eval" in line]
assert [row["images"] for row in rows] == [3], rows
PYTHON
expect 0 "warning: [data] set/train has one split: the validation images are the training images." "$engine" train vit "${vit[@]}" "${folders[@]}" --set data.path=set/train --dry-run
check "a cache" "$engine" data prepare set train.cache --shorter-side 20
expect 0 "warning: [data] train.cache has one split" "$engine" train vit "${vit[@]}" "${folders[@]}" --set data.path=train.cache --dry-run
check "training on a cache" "$engine" train vit "${vit[@]}" "${folders[@]}" --set data.path=train.cache --run cached
expect 0 "warning: [data] train.cache has one split" "$engine" eval vit --checkpoint cached
check "images that were asked for are evaluated without a word" bash -c '! "$engine" eval vit --checkpoint cached --data train.cache 2>&1 | grep warning'
expect 0 "a shorter side of 20, model.image 36 enlarges them" "$engine" train vit "${vit[@]}" "${folders[@]}" --set data.path=train.cache --dry-run
mkdir -p set/val/Bee
expect 0 "warning: [data] 1 of 3 classes has no training image: 'Bee'." "$engine" train vit "${vit[@]}" "${folders[@]}" --dry-run
expect 4 "[data] eval.sizes 24: the validation images must have that size" "$engine" train vit "${vit[@]}" --set 'eval.sizes=[16,24]' --dry-run

# Sizes that cannot be evaluated.
expect 3 "eval.sizes 1000000: images are enlarged to 1142857 x 1142857" "$engine" train vit "${vit[@]}" --set model.position=none --set 'eval.sizes=[16,1000000]'
"$engine" eval vit --checkpoint whole --sizes 16,24,36 --json 2> /dev/null > refused.json
python "a size that the images do not allow lets the others stand" << 'PYTHON'
import json
results = json.load(open("refused.json"))["results"]
assert [result["size"] for result in results] == [16, 24, 36], results
assert results[1]["error"].startswith("[image] evaluation at 24 x 24: expected images of that height and width"), results
assert results[0]["images"] == results[2]["images"] == 1024, results
PYTHON
expect 0 "24 [image] evaluation at 24 x 24: expected images" "$engine" eval vit --checkpoint whole --sizes 24,16 --quiet
expect 4 "[eval] no size could be evaluated: [image] evaluation at 24 x 24" "$engine" eval vit --checkpoint whole --sizes 24

expect 2 "must be for \`train lm\`" "$engine" train lm --config "$tests/tools/tiny_vit.yaml"
expect 2 "must be for \`train vit\`" "$engine" train vit --config "$tests/tools/tiny.yaml"
expect 5 "is a model of \`vit\`, not of \`lm\`" "$engine" eval lm --checkpoint whole
expect 3 "eval.sizes must be a multiple of model.patch 4, got 18" "$engine" eval vit --checkpoint whole --sizes 18
expect 2 "--sizes: must be N or ROWSxCOLUMNS pixels, got '16xx'" "$engine" eval vit --checkpoint whole --sizes 16xx
expect 3 "model.image must be a multiple of model.patch 4, got 18" "$engine" train vit "${vit[@]}" --set model.image=18
expect 3 "data.augment.pad must be less than model.image 16, got 16" "$engine" train vit "${vit[@]}" --set data.augment.pad=16
expect 3 "data.augment.color_jitter 0.4 needs data.augment.randaugment.operations 0" "$engine" train vit "${vit[@]}" --set data.augment.color_jitter=0.4
expect 3 "data.path builtin:forms names no generated images, there are builtin:shapes alone" "$engine" train vit "${vit[@]}" --set data.path=builtin:forms
expect 3 "model.position alibi is no encoding of images" "$engine" train vit "${vit[@]}" --set model.position=alibi
expect 3 "model.position rotary_2d is no encoding of text" "$engine" train lm --set model.position=rotary_2d
expect 3 "model.classes must be the 8 of the data, got 10" "$engine" train vit "${vit[@]}" --set model.classes=10
expect 3 "data.path must name the training images" "$engine" train vit "${vit[@]}" --set 'data.path=""'
expect 4 "nothing-here" "$engine" train vit "${vit[@]}" --set data.path=nothing-here
expect 0 "4 images of 16 x 16, 16384 training images in 8 classes" "$engine" train vit --config "$tests/tools/tiny_vit.yaml" --dry-run
for position in learned sinusoidal rotary rotary_2d rotary_mixed none; do
  check "2 steps with $position" "$engine" train vit "${vit[@]}" --run "$position" --set train.steps=2 --set "model.position=$position" \
    --set train.precision=bf16
  check "$position is evaluated as it was trained" "$engine" eval vit --checkpoint "$position"
done

finish
