#!/usr/bin/env bash
# eval lm on a run of ours: vocabulary, text, positions, memory.
# shellcheck disable=SC2016  # bash -c expands it
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

# Text and tokeniser.
check "a run of ours" train --quiet --run ours --set train.steps=2
expect 4 "the tokeniser must have the model's vocabulary of 256 tokens, has 50257" "$engine" eval lm --checkpoint ours \
  --tokenizer "$tests/data/gpt2_tokenizer"
expect 4 "nowhere.txt" "$engine" eval lm --checkpoint ours --data nowhere.txt
cp -r ours/checkpoints/latest/ without_moments
rm without_moments/optimizer.*
expect 0 "token ppl" "$engine" eval lm --checkpoint without_moments
rm without_moments/model_1.safetensors
expect 5 "model_1.safetensors" "$engine" eval lm --checkpoint without_moments
cp -r "$tests/data/gpt2_tokenizer" cut_tokenizer && chmod -R u+w cut_tokenizer
sed -i 2,50d cut_tokenizer/merges.txt
expect 4 "there is no merge that makes token" "$engine" eval lm --checkpoint ours --tokenizer cut_tokenizer
: > empty.txt
expect 4 "empty.txt must hold text, it is empty" "$engine" eval lm --checkpoint ours --data empty.txt
printf '\n \n' > blank.txt
expect 4 "at least one token" "$engine" eval lm --checkpoint ours --data blank.txt --set data.reader=lines

printf 'a' > one.txt
expect 4 "must hold a token that follows another one" "$engine" eval lm --checkpoint ours --data one.txt

# In the precision of the training, so that the numbers are those that it told; in another if asked.
check "a run in bf16" train --quiet --run rounded --set train.steps=2 --set train.precision=bf16
"$engine" eval lm --checkpoint rounded --lengths 16 --json > rounded.json
"$engine" eval lm --checkpoint rounded --lengths 16 --json --set train.precision=fp32 > unrounded.json
python "eval computes as the training did" << 'PYTHON'
import json
nll = {name: json.load(open(f"{name}.json"))["results"][0]["nll"] for name in ("rounded", "unrounded")}
told = [row["eval"]["nll"] for row in map(json.loads, open("rounded/metrics.jsonl")) if "eval" in row]
assert nll["rounded"] == told[-1], (nll, told)
assert 0 < abs(nll["rounded"] - nll["unrounded"]) < 0.01, nll
PYTHON

# Positions and lengths.
expect 3 "needs 6 digits" "$engine" eval lm --checkpoint ours --set eval.start=99999
expect 3 "needs 6 digits" "$engine" eval lm --checkpoint ours --lengths 16,100001
expect 0 "" "$engine" eval lm --checkpoint ours --set eval.start=99000 --lengths 16
printf 'twenty bytes, or so.' > twenty.txt
expect 0 "warning: [eval] length 32: no block is so long, the longest has 20 tokens." "$engine" eval lm \
  --checkpoint ours --data twenty.txt --lengths 16,32
check "what fills its blocks is no warning" bash -c '! "$engine" eval lm --checkpoint ours --data twenty.txt --lengths 8,20 2>&1 | grep warning'
check "max_lines holds for documents too" test \
  "$("$engine" eval lm --checkpoint ours --lengths 16 --max-lines 5 --quiet | awk 'END {print $5}')" -lt \
  "$("$engine" eval lm --checkpoint ours --lengths 16 --max-lines 50 --quiet | awk 'END {print $5}')"
printf 'a line\n%.0s' {1..7} > seven.txt
expect 0 "warning: [eval] read 5 of 7 lines (eval.max_lines). Hint: --max-lines 0 reads all." "$engine" eval lm --checkpoint ours \
  --data seven.txt
for asked in 5 7 0; do
  check "--max-lines $asked is no warning" bash -c \
    '! "$engine" eval lm --checkpoint ours --data seven.txt --max-lines "$1" 2>&1 | grep warning' _ "$asked"
done
expect 0 "read 5 of" "$engine" eval lm --checkpoint ours
check "--quiet leaves stderr empty" test -z "$("$engine" eval lm --checkpoint ours --quiet 2>&1 > /dev/null)"

# So little trained that a word's perplexity has fifteen digits.
check "a perplexity beyond a million is short" bash -c '"$engine" eval lm --checkpoint ours --lengths 16 --quiet | awk "END { exit !(\$3 ~ /^[0-9.]+e\+[0-9]+\$/) }"'

# A model whose loss is not finite is told by exit 7, and the lengths where it is finite stand: no block of one byte sees
# the NaN of the second row of the table.
check "a run with a table" train --quiet --run broken --set train.steps=2 --set model.position=learned
python "one row becomes NaN" broken/checkpoints/step_00000002 << 'PYTHON'
import hashlib, json, pathlib, struct, sys
folder = pathlib.Path(sys.argv[1])
weights = bytearray((folder / "model.safetensors").read_bytes())
size = struct.unpack("<Q", weights[:8])[0]
begin = 8 + size + json.loads(weights[8:8 + size])["transformer.wpe.weight"]["data_offsets"][0]
struct.pack_into("<8f", weights, begin + 4 * 8, *[float("nan")] * 8)
(folder / "model.safetensors").write_bytes(weights)
complete = json.loads((folder / "COMPLETE").read_text())
complete["files"]["model.safetensors"]["sha256"] = hashlib.sha256(weights).hexdigest()
(folder / "COMPLETE").write_text(json.dumps(complete))
PYTHON
expect 7 "the loss must be finite, it is not at length 8, 16." "$engine" eval lm --checkpoint broken --lengths 8,1,16
"$engine" eval lm --checkpoint broken --lengths 8,1,16 --json > broken.json 2> /dev/null
python "the others stand" << 'PYTHON'
import json
results = json.load(open("broken.json"))["results"]
assert results[0] == {"length": 8, "error": "not finite"}, results
assert results[1]["nll"] > 0 and results[2]["error"] == "not finite", results
PYTHON
check "the table says so, too" bash -c '"$engine" eval lm --checkpoint broken --lengths 8,1 2> /dev/null | grep -q "^ *8 not finite$"'

expect 7 "the loss must be finite, it is not at length 16, 32." train --run broken --resume auto --set train.steps=2 \
  --set model.position=learned

# A length that runs out of memory is told, the others stand: the MLP of 19000 tokens of width 512 takes 156 MB.
check "a wide model" train --quiet --run wide --set train.steps=2 --set model.width=512
limited() { (ulimit -v "$1"; shift; "$@"); }
if limited 400000 "$engine" --version > /dev/null 2>&1; then
  for threads in 1 3; do
    limited 400000 "$engine" eval lm --checkpoint wide --max-lines 400 --lengths 16,60000,32 --json --set "train.threads=$threads" \
      > memory.json 2> memory.err
    status=$?
    check "a length without memory leaves exit 0 with $threads threads, got $status" test "$status" -eq 0
    check "stderr tells how much was asked for" grep -q "length 60000: .*out of memory" memory.err
    python "the other lengths stand" << 'PYTHON'
import json
results = json.load(open("memory.json"))["results"]
assert [r["length"] for r in results] == [16, 60000, 32]
assert results[1] == {"length": 60000, "error": "out of memory"}, results[1]
assert all(r["nll"] > 0 for r in (results[0], results[2]))
PYTHON
  done
  expect 6 "every length ran out of memory" limited 400000 "$engine" eval lm --checkpoint wide --max-lines 400 --lengths 60000
  expect 6 "out of memory" limited 400000 "$engine" train lm "${tiny[@]}" --set model.width=4096
else
  skip "out of memory: this build does not run in 400 MB of address space"
fi
finish
