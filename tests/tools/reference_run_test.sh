#!/usr/bin/env bash
# eval lm on a run folder as the reference writes it: its perplexities, its keys, what is refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

golden=${SEQPE_GOLDENS:-$tests/golden}/checkpoint_lm
data=${SEQPE_DATA:-$tests/data}
# What was evaluated: text, lines and lengths.
told() { python3 -c "import json; e = json.load(open('$golden/expected_eval.json')); print($1)"; }
text=$data/$(told 'e["text"]')
reference=(--tokenizer "$data/gpt2_tokenizer" --data "$text")

# The reference's checkpoint gives the reference's perplexities.
"$engine" eval lm --checkpoint "$golden" "${reference[@]}" --lengths "$(told '",".join(str(r["length"]) for r in e["results"])')" \
  --max-lines "$(told 'e["lines"]')" --json > eval.json 2> eval.err
python "eval equals the reference, and stdout is one object" "$golden" << 'PYTHON'
import json, sys
expected = json.load(open(sys.argv[1] + "/expected_eval.json"))["results"]
got = json.load(open("eval.json"))
assert expected, "nothing to compare"
assert list(got) == ["task", "checkpoint", "step", "weights_sha256", "data", "results"] and got["task"] == "lm", got.keys()
assert got["checkpoint"] == sys.argv[1] + "/best_model" and got["step"] is None, got
for e, g in zip(expected, got["results"], strict=True):
    assert list(g) == ["length", "nll", "token_ppl", "word_ppl", "tokens", "words", "blocks"], g.keys()
    for key, value in e.items():
        assert abs(g[key] - value) <= 2e-5 * abs(value), (key, value, g[key])
PYTHON
sum=$(cat "$golden"/best_model/model.safetensors "$golden"/best_model/model_1.safetensors | sha256sum | cut -d' ' -f1)
check "weights_sha256 is that of the files in name order" grep -q "$sum" eval.json
check "keys without meaning here give one warning" test "$(grep -c warning eval.err)" -eq 1
check "which names them" grep -q "ignored MODEL, SEQPE_FREEZE_EPOCH_NUM, SEQPE_PRETRAINED" eval.err
expect 0 "token ppl" "$engine" eval lm --checkpoint "$golden/best_model" "${reference[@]}" --max-lines 5 --lengths 64

# Variants of its configuration: what cannot be computed is refused by file and key.
variant() { # SED-SCRIPT FILE
  rm -rf variant
  cp -r "$golden" variant && chmod -R u+w variant
  sed -i -E "$1" "variant/$2"
}
while IFS='|' read -r file script message; do
  variant "$script" "$file"
  expect 5 "$message" "$engine" eval lm --checkpoint variant "${reference[@]}" --max-lines 5 --lengths 64
done << 'TABLE'
pe_config.json|s/^(PE_TYPE):.*/\1: rope9/|model.position: expected one of seqpe, learned, sinusoidal, rotary, rotary_2d, rotary_mixed, alibi, none, got "rope9" (PE_TYPE in 
pe_config.json|/^PE_TYPE/d|variant/pe_config.json: there is no PE_TYPE
pe_config.json|s/^(SEQPE_ADD_OUT_PROJ):.*/\1: false/|SEQPE_ADD_OUT_PROJ must be true, got false
pe_config.json|s/^(SEQPE_SCALE_ATTN_WEIGHTS):.*/\1: false/|SEQPE_SCALE_ATTN_WEIGHTS must be true, got false
pe_config.json|s/^(SEQPE_INIT_NORM_WEIGHT):.*/\1: 0.5/|SEQPE_INIT_NORM_WEIGHT must be 1.0, got 0.5
pe_config.json|s/^(PE_DATA_DIM):.*/\1: 2/|PE_DATA_DIM must be 1, got 2
pe_config.json|s/^(PE_OUT_PROJ_DIM):.*/\1: 7/|PE_OUT_PROJ_DIM must be
pe_config.json|s/^(SEQPE_MAX_DIGITS):.*/\1: many/|seqpe.max_digits: expected integer >= 1 or auto, got "many"
pe_config.json|s/^(SEQPE_LAYER_NUM):.*/\1: 1000/|must hold 1000 layers (seqpe.encoder.layers), it holds
pe_config.json|s/^(SEQPE_MAX_DIGITS):.*/\1: 100000000/|must have extent 100000000 in dimension 0 (seqpe.max_digits), it is
pe_config.json|s/^PE_EMBED_DIM:.*/&0000/|(seqpe.encoder.width), it is
pe_config.json|1s/.*/[/|variant/pe_config.json
pe_config.json|/^SEQPE_SCALAR_SCALE/d|variant/pe_config.json: there is no SEQPE_SCALAR_SCALE
pe_config.json|/^NUM_ATTENTION_HEADS/d|variant/pe_config.json: there is no NUM_ATTENTION_HEADS
pe_config.json|s/^(SEQPE_MAX_DIGITS):.*/\1: 4/|seqpe.max_digits must be at least 5
config.json|/"layer_norm_epsilon"/d|variant/config.json: there is no layer_norm_epsilon
config.json|s/("scale_attn_by_inverse_layer_idx"): false/\1: true/|scale_attn_by_inverse_layer_idx must be false, got true
config.json|s/("activation_function"): "gelu_new"/\1: "relu"/|model.activation: expected one of gelu, gelu_new, got "relu"
config.json|s/("vocab_size"): [0-9]+/\1: 50000/|must have extent 50000 in dimension 0 (vocab_size), it is
config.json|s/("vocab_size"): [0-9]+/\1: "many"/|vocab_size must be a whole number, got 'many'
config.json|s/("n_layer"): [0-9]+/\1: 1000/|must hold 1000 layers (model.layers), it holds
TABLE
# Keys that change no result are read all the same: the checkpoint of a training that starts from there writes them back.
variant 's/^(SEQPE_LOGIT_SCALED_LOSS):.*/\1: 0.5/; s/^(PE_RANDOM_SHIFT_RATE):.*/\1: 0.25/; s/^(SEQPE_TRANSFER_BETA):.*/\1: 0.75/' pe_config.json
expect 0 "token ppl" "$engine" eval lm --checkpoint variant "${reference[@]}" --max-lines 5 --lengths 64
variant '' pe_config.json
truncate -s -20 variant/pe_config.json
expect 5 "variant/pe_config.json: there is no USE_PE_QK_PER_LAYER" "$engine" eval lm --checkpoint variant "${reference[@]}" --max-lines 5
variant 's/^MODEL.*/A_NEW_KEY: 3/' pe_config.json
expect 0 "ignored A_NEW_KEY, SEQPE_FREEZE_EPOCH_NUM" "$engine" eval lm --checkpoint variant "${reference[@]}" --max-lines 5 --lengths 64
truncate -s 5000 variant/best_model/model.safetensors
expect 5 "variant/best_model/model.safetensors" "$engine" eval lm --checkpoint variant "${reference[@]}"
printf '\xff\xff\xff\xff\xff\xff\xff\x7f' | dd of=variant/best_model/model_1.safetensors conv=notrunc status=none
cp "$golden/best_model/model.safetensors" variant/best_model/
expect 5 "the header's size must fit the file" "$engine" eval lm --checkpoint variant "${reference[@]}"

# Text and tokeniser.
expect 2 "data.valid_path is empty" "$engine" eval lm --checkpoint "$golden" --tokenizer "$data/gpt2_tokenizer"
expect 4 "the tokeniser must have the model's vocabulary of 50257 tokens, has 256" "$engine" eval lm --checkpoint "$golden" --tokenizer bytes
expect 4 "" "$engine" eval lm --checkpoint "$golden" --data "$text"
finish
