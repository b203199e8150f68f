#!/usr/bin/env bash
# data prepare, inspect and verify: folders, caches, bad images, exit codes.
# shellcheck disable=SC2016  # bash -c expands it
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

decode=$tests/golden/transforms/decode
mkdir -p set/{train,val}/{apple,bee}
cp "$decode"/photo_4*.jpg set/train/apple/
cp "$decode"/png_rgb.png set/train/bee/named.JPEG  # the first bytes count
cp "$decode"/gray.jpg set/val/bee/
chmod -R u+w set

expect 0 "train.cache: 5 images of 2 classes" "$engine" data prepare set train.cache
expect 0 ", 0 skipped" "$engine" data prepare set/train plain.cache
expect 0 "1 image of 2 classes" "$engine" data prepare set val.cache --split test --quiet
for threads in 1 3; do
  "$engine" data prepare set "$threads.cache" --shorter-side 16 --threads "$threads" --quiet > /dev/null
done
check "threads do not show" cmp 1.cache 3.cache
check "a shorter side makes it smaller" test "$(stat -c %s 1.cache)" -lt "$(stat -c %s train.cache)"
check "a cache of a cache is the same" "$engine" data prepare train.cache again.cache
check "byte for byte" cmp train.cache again.cache
check "stdout has the result alone" test "$("$engine" data prepare set train.cache 2> /dev/null | wc -l)" -eq 1
check "--quiet leaves stderr empty" bash -c 'test -z "$("$engine" data verify set --quiet 2>&1 > /dev/null)"'

expect 0 "class folders" "$engine" data inspect set
for source in set train.cache; do
  "$engine" data inspect "$source" --json > inspect.json 2> /dev/null
  python "inspect --json of $source" inspect.json "$source" << 'PYTHON'
import json, sys
facts = json.load(open(sys.argv[1]))
kind = {"set": "class folders", "train.cache": "cache"}[sys.argv[2]]
assert list(facts) == ["path", "kind", "split", "images", "bad", "shorter_side", "height", "width", "classes"], facts
assert (facts["path"], facts["kind"], facts["split"], facts["images"], facts["bad"]) == (sys.argv[2], kind, "train", 5, 0), facts
assert facts["shorter_side"] is None, facts
assert facts["classes"] == [{"name": "apple", "images": 4}, {"name": "bee", "images": 1}], facts
assert all(0 < facts[side]["min"] <= facts[side]["median"] <= facts[side]["max"] for side in ("height", "width")), facts
PYTHON
done
"$engine" data inspect set --json --split test 2> /dev/null > test.json
python "the classes of a split are those of all" test.json << 'PYTHON'
import json, sys
assert [c["images"] for c in json.load(open(sys.argv[1]))["classes"]] == [0, 1]
PYTHON

expect 0 "scaled down to a shorter side of 16" "$engine" data inspect 1.cache
"$engine" data inspect 1.cache --json 2> /dev/null > scaled.json
python "the side to which images were scaled down" scaled.json << 'PYTHON'
import json, sys
assert json.load(open(sys.argv[1]))["shorter_side"] == 16
PYTHON

expect 0 "set: split train, 5 images, all good" "$engine" data verify set
expect 0 "train.cache: split train, 5 images, all good" "$engine" data verify train.cache

# Damage.
cp train.cache flipped.cache
printf '\x55' | dd of=flipped.cache bs=1 seek=100 conv=notrunc status=none
expect 4 "flipped.cache: expected image 0, at byte 16, to have the checksum" "$engine" data verify flipped.cache
expect 4 "flipped.cache: 1 of 5 images are bad." "$engine" data verify flipped.cache
expect 0 "all good" "$engine" data verify train.cache
head -c 1000 train.cache > cut.cache
expect 4 "cut.cache: expected the file to end with SEQPEEND" "$engine" data inspect cut.cache
: > set/train/apple/empty.jpg
echo text > set/train/bee/text.png
head -c 2000 "$decode"/photo_420_a.jpg > set/train/bee/cut.jpg
for bad in "set/train/apple/empty.jpg: expected a JPEG or PNG file, it is empty." \
  "set/train/bee/text.png: expected a JPEG or PNG file, it begins with 74 65 78 74." \
  "set/train/bee/cut.jpg: cannot decode this JPEG file:" "set: 3 of 8 images are bad."; do
  expect 4 "$bad" "$engine" data verify set
done
expect 4 "empty.jpg: expected a JPEG or PNG file, it is empty." "$engine" data prepare set bad.cache
check "a refused data set leaves nothing" bash -c '! ls bad.cache* 2> /dev/null'
expect 0 "skipped 3 bad images" "$engine" data prepare set bad.cache --bad-image skip
check "what is left is the good data set" cmp bad.cache train.cache
expect 0 "bad        3" "$engine" data inspect set

# bench data
for threads in 1 2; do
  "$engine" bench data train.cache --images 5 --size 48 --threads "$threads" --json > bench.json
  python "bench data --json" bench.json << 'PYTHON'
import json, sys
facts = json.load(open(sys.argv[1]))
assert list(facts) == ["bench", "kind", "images", "threads", "size", "read_images_per_s", "train_images_per_s"], facts
assert facts["kind"] == "cache" and facts["read_images_per_s"] > 0 and facts["train_images_per_s"] > 0, facts
PYTHON
done
expect 0 "read and changed for training" "$engine" bench data train.cache --images 2 --size 48

# What cannot be.
mkdir nothing
expect 4 "nothing: expected a cache file" "$engine" data inspect nothing
expect 4 "nowhere: there is no such file or folder." "$engine" data verify nowhere
echo mine > notes.txt
expect 2 "notes.txt is there and is no cache" "$engine" data prepare set notes.txt --bad-image skip
check "the file stays" grep -q mine notes.txt
expect 2 "set is there and is no cache" "$engine" data prepare set set
expect 1 "cannot write missing/x.cache.tmp: No such file or directory" "$engine" data prepare set missing/x.cache
expect 2 "--split: both not in {train,test}" "$engine" data inspect set --split both
expect 2 "--bad-image: drop not in {skip,refuse}" "$engine" data prepare set x.cache --bad-image drop
expect 2 "must be a whole number from 0 to 65535, got '-1'" "$engine" data prepare set x.cache --shorter-side -1
expect 2 "PATH is required" "$engine" data verify
finish
