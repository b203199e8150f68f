#!/usr/bin/env bash
# bench kernels --emulated: what it prints, for people and as JSON.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

expect 0 "| layer_norm_forward          | 16384 x 768 bf16 " "$engine" bench kernels --emulated --only layer_norm_forward
expect 0 "layer_norm_forward_warp_per_row_kernel" "$engine" bench kernels --emulated --only layer_norm_forward --launches
expect 0 "kernels/cuda/layer_norm_rows.h:" "$engine" bench kernels --emulated --only layer_norm_forward --lines
expect 2 "no kernel has 'norm_layer' in its name" "$engine" bench kernels --emulated --only norm_layer
expect 1 "standard output is not complete: No space left on device." bash -c '"$0" bench kernels --emulated --only adamw > /dev/full' "$engine"
expect 1 "standard output is not complete: No space left on device." bash -c '"$0" bench kernels --emulated --only a --lines > /dev/full' "$engine"
"$engine" bench kernels --emulated --only adamw --json > costs.json
python "the costs as JSON" << 'PYTHON'
import json
costs = json.load(open("costs.json"))
assert costs["bench"] == "kernels" and costs["emulated"] is True
(adamw,) = costs["results"]
assert adamw["bytes_to_move"] == 7 * 4 * 124439808 + 3 * 8
(launch,) = adamw["launches"]
assert launch["counted_blocks"] == 32 and launch["blocks"] == 4096 and 0 < launch["occupancy"]["H100"] <= 1
# Bound by memory: the bandwidths' ratio.
assert abs(adamw["least_s"]["H100"] / adamw["least_s"]["H200"] - 4.8 / 3.35) < 1e-9
PYTHON

# A copy of the command alone.
mkdir alone && cp "$engine" alone/
expect 1 "seqpe_kernel_costs, which is missing beside this one: there is no $PWD/alone/seqpe_kernel_costs." \
  alone/seqpe_engine bench kernels --emulated
expect 6 "times on a GPU, for which this build has no kernels" alone/seqpe_engine bench kernels --device cuda
finish
