#!/usr/bin/env bash
# Several processes on the emulated device, NCCL's calls answered over MPI: the numbers of one, errors of the library.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
[ -e "$(dirname "$engine")/libseqpe_mpi.so" ] || { skip "this build has no MPI: apt install libopenmpi-dev openmpi-bin"; finish; }

mpi=(mpirun --allow-run-as-root --oversubscribe --bind-to none --mca odls_base_sigkill_timeout 2)
# shellcheck disable=SC2329  # called through check and expect
ranks() {
  local count=$1
  shift
  "${mpi[@]}" -np "$count" "$engine" "$@"
}
short=("${tiny[@]}" --device cuda --quiet --set train.steps=5 --set "eval.lengths=[16]" --set eval.max_lines=3)
same=(--set dist.deterministic=true --set dist.shards=2)
check "one process" "$engine" train lm "${short[@]}" --run one
check "two" ranks 2 train lm "${short[@]}" --run two --set dist.bucket_mb=0.001
check "two, which share the moments, of steps that are not recorded, on a slow network" env SEQPE_EMULATED_NCCL=delay=5 \
  "${mpi[@]}" -np 2 "$engine" train lm "${short[@]}" --run zero --set dist.zero=1 --set train.cuda_graphs=false
check "one, deterministic" "$engine" train lm "${short[@]}" --run same_one "${same[@]}"
check "two, deterministic" ranks 2 train lm "${short[@]}" --run same_two "${same[@]}"
check "two, deterministic, which share the moments" ranks 2 train lm "${short[@]}" --run same_zero "${same[@]}" --set dist.zero=1
python "losses agree" << 'PYTHON'
import json
one, two, zero = ([json.loads(line) for line in open(f"{run}/metrics.jsonl")] for run in ("one", "two", "zero"))
assert len(one) == len(two) == len(zero) == 6
for a, b, c in zip(one, two, zero):
    for key in ("loss", "task_loss", "grad_norm", "encoder_grad_norm"):
        if "loss" in a:
            assert abs(a[key] - b[key]) <= 1e-4 * abs(a[key]), (a["step"], key, a[key], b[key])
            assert abs(a[key] - c[key]) <= 1e-4 * abs(a[key]), (a["step"], key, a[key], c[key])
PYTHON
for run in same_two same_zero; do
  same_metrics same_one $run
  same_step same_one $run 5
done
check "images" ranks 2 train vit --config "$tests/tools/tiny_vit.yaml" --device cuda --quiet --run images --set train.steps=3 --set data.workers=0

export SEQPE_EMULATED_NCCL=error=40
expect 8 "seqpe_engine: error: [nccl] an error, as asked for." ranks 2 train lm "${short[@]}" --run failed --set train.steps=100000 \
  --set train.warmup_steps=2
finish
