#!/usr/bin/env bash
# Several processes on the device `cuda` (device_ranks.sh): the numbers of one, a step's timeline, errors of NCCL; on GPUs lost ranks too.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=device_ranks.sh
source "$tests/tools/device_ranks.sh"
[ "$gpus" -gt 0 ] || [ -e "$(dirname "$engine")/libseqpe_mpi.so" ] || { skip "this build has no MPI: apt install libopenmpi-dev openmpi-bin"; finish; }

short=("${tiny[@]}" --device cuda --quiet --set train.steps=5 --set "eval.lengths=[16]" --set eval.max_lines=3)
same=(--set dist.deterministic=true --set dist.shards=2)
check "one process" "$engine" train lm "${short[@]}" --run one
check "two" two_ranks train lm "${short[@]}" --run two --set dist.bucket_mb=0.001
export SEQPE_EMULATED_NCCL=delay=5
check "two, which share the moments, of steps that are not recorded, on a slow network" two_ranks train lm "${short[@]}" --run zero \
  --set dist.zero=1 --set train.cuda_graphs=false
unset SEQPE_EMULATED_NCCL
check "two, whose gradients travel as bf16" two_ranks train lm "${short[@]}" --run rounded --set dist.wire=bf16
check "one, deterministic" "$engine" train lm "${short[@]}" --run same_one "${same[@]}"
check "two, deterministic" two_ranks train lm "${short[@]}" --run same_two "${same[@]}"
check "two, deterministic, which share the moments" two_ranks train lm "${short[@]}" --run same_zero "${same[@]}" --set dist.zero=1
python "losses agree" << 'PYTHON'
import json
one, *others = ([json.loads(line) for line in open(f"{run}/metrics.jsonl")] for run in ("one", "two", "zero", "rounded"))
assert len(one) == 6
for run, bound in zip(others, (1e-4, 1e-4, 1e-2)):
    assert len(run) == 6
    for a, b in zip(one, run):
        for key in ("loss", "task_loss", "grad_norm", "encoder_grad_norm"):
            if "loss" in a:
                assert abs(a[key] - b[key]) <= bound * abs(a[key]), (a["step"], key, a[key], b[key])
PYTHON
for run in same_two same_zero; do
  same_metrics same_one $run
  same_step same_one $run 5
done
check "images" two_ranks train vit --config "$tests/tools/tiny_vit.yaml" --device cuda --quiet --run images --set train.steps=3 --set data.workers=0

check "a step's timeline" two_ranks bench train "${tiny[@]}" --device cuda --vocab-size 256 --steps 1 --timeline timeline.json \
  --set dist.bucket_mb=0.001
python "the first gradients travel while most kernels are still to come" << 'PYTHON'
import json
events = [event for event in json.load(open("timeline.json"))["traceEvents"] if event["ph"] == "X"]
for rank in (0, 1):
    kernels, sums = ([event for event in events if (event["pid"], event["tid"]) == (rank, track)] for track in (0, 1))
    assert len(kernels) > 50 and len(sums) > 5 and {event["name"] for event in sums} == {"all_reduce"}, (len(kernels), len(sums))
    later = sum(event["ts"] > sums[0]["ts"] for event in kernels)
    assert later > 20, (later, len(kernels))
PYTHON

endless=("${tiny[@]}" --device cuda --set train.steps=1000000 --set train.schedule=constant --set checkpoint.every=20 --set dist.timeout=3)
if [ "$gpus" -eq 0 ]; then
  export SEQPE_EMULATED_NCCL=error=40
  expect 8 "seqpe_engine: error: [nccl] an error, as asked for." two_ranks train lm "${endless[@]}" --run failed
  finish
fi
# shellcheck disable=SC2329  # called through wait_for
has_ended() { [ ! -e "/proc/$1" ] || grep -q "^State:.Z" "/proc/$1/status"; }
# A rank that is killed, or hangs: the other waits for it on the device.
for signal in KILL STOP; do
  start_ranks 2 train lm "${endless[@]}" --run "lost_$signal" > "lost_$signal.err" 2>&1
  check "$signal: a checkpoint" wait_for test -e "lost_$signal/checkpoints/latest"
  kill "-$signal" "${ranks[1]}"
  check "$signal: the other ends within a minute" wait_for has_ended "${ranks[0]}"
  kill -KILL "${ranks[@]}" 2> /dev/null
  { wait "${ranks[0]}"; } 2> /dev/null
  status=$?
  check "$signal: exit code 8, got $status" test "$status" -eq 8
  check "$signal: goes on alone" "$engine" train lm --config "lost_$signal/config.yaml" --quiet --run "lost_$signal" --resume auto \
    --set train.steps=$(($(step_of "lost_$signal") + 1))
  grep "error:" "lost_$signal.err"
done
check "who is gone, or what NCCL says of it" grep -qE "seqpe_engine: error: (\[dist\] rank 1 on .* is gone|\[nccl\] )" lost_KILL.err
check "that one hangs" grep -qE "seqpe_engine: error: \[dist\] .* (gave no sign of life for|did not end within) 3 s \(dist.timeout\)" lost_STOP.err
finish
