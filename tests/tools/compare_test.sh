#!/usr/bin/env bash
# Rivals: trained after the main model, stopped and resumed, each evaluated by its own limits.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

six=(--set compare='[learned, sinusoidal, rotary, alibi, none]' --set train.steps=6 --set checkpoint.every=2)
expect 0 "learned " train --run whole "${six[@]}"
for rival in learned sinusoidal rotary alibi none; do
  check "$rival is trained to its end" test "$(step_of "whole/rival_$rival")" = 6
  check "$rival is $rival" grep -q "position: $rival" "whole/rival_$rival/config.yaml"
  check "$rival alone gives the same weights" train --quiet --run "alone_$rival" --set train.steps=6 --set "model.position=$rival"
  check "with and without a main model" cmp "alone_$rival/checkpoints/step_00000006/model.safetensors" \
    "whole/rival_$rival/checkpoints/step_00000006/model.safetensors"
done
expect 0 "positions none" train --dry-run "${six[@]}"

# A stop inside a rival: the main model is not trained again, the rival goes on.
long=(--set compare='[learned]' --set train.steps=3000 --set train.eval_every=0 --set log.every=1000)
start stopped "${long[@]}"
check "the rival starts" wait_for test -s stopped/rival_learned/metrics.jsonl
end TERM
status=$?
check "a stop inside a rival exits with 75, got $status" test "$status" -eq 75
check "and tells how to go on" grep -q "go on with: .*--run stopped --resume auto" stopped.err
step=$(step_of stopped/rival_learned)
sums=$(sha256sum stopped/checkpoints/latest/*.safetensors)
"$engine" train lm --config stopped/config.yaml --run stopped --resume auto > resumed.out 2> resumed.err
check "the rival goes on at step $step" grep -q "resumed at step $step of 3000" resumed.err
check "the main model stays" test "$sums" = "$(sha256sum stopped/checkpoints/latest/*.safetensors)"
check "the rival is trained to its end" test "$(step_of stopped/rival_learned)" = 3000
check "the table holds both" test "$(grep -cE '^(seqpe|learned) ' resumed.out)" -eq 2

expect 5 "model.layers is 1 there, 2 was asked for" train --run whole --resume auto "${six[@]}" --set model.layers=2 --dry-run

# What a rival cannot do does not bind the main model once it is trained.
expect 0 "" "$engine" eval lm --checkpoint whole --set eval.start=3
expect 3 "eval.start must be 0" "$engine" eval lm --checkpoint whole/rival_learned --set eval.start=3 --lengths 16,32
finish
