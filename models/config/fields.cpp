// The schema: every key with its type, default and meaning.
#include "models/config/fields.h"

namespace seqpe::models {
namespace {

using config::Field;

void add_model(std::vector<Field>& fields, ModelConfig& model) {
  fields.push_back(config::integer("model.layers", model.layers, "Transformer blocks", 1, 10000));
  fields.push_back(
      config::integer("model.width", model.width, "channels of the residual stream", 1));
  fields.push_back(config::integer(
      "model.heads", model.heads,
      "attention heads; must divide the width; on cuda at most 128 columns each", 1));
  fields.push_back(config::enumeration("model.activation", model.activation, {"gelu", "gelu_new"},
                                       "of the MLP: exact GELU or GPT-2's tanh form"));
  fields.push_back(
      config::number("model.layer_norm_eps", model.layer_norm_eps, "added to the variance"));
  fields.push_back(config::number("model.dropout.embedding", model.dropout.embedding,
                                  "on the embeddings", 0.0, 0.99));
  fields.push_back(config::number("model.dropout.residual", model.dropout.residual,
                                  "on what a branch adds", 0.0, 0.99));
  fields.push_back(config::number("model.dropout.attention", model.dropout.attention,
                                  "on attention weights", 0.0, 0.99));
  fields.push_back(
      config::word("model.position", model.position, position_names(), "the position encoding"));
  fields.push_back(config::number("model.rotary.base", model.rotary_base,
                                  "of the wavelengths of rotary and sinusoidal positions", 1.0));
  fields.push_back(config::enumeration("model.rotary.layout", model.rotary_layout,
                                       {"by_head", "reference"},
                                       "of rotary_mixed: reference reads rotations in the order of "
                                       "the reference's checkpoints"));
  fields.push_back(config::enumeration(
      "model.interpolate", model.interpolate, kInterpolationNames,
      "how embeddings of the trained size become those of another; none: they are computed for it, "
      "and learned tables stretched linearly (text) or bicubically (images)"));
}

void add_encoder(std::vector<Field>& fields, EncoderOptions& encoder) {
  fields.push_back(
      config::integer("seqpe.encoder.width", encoder.width, "channels of the position encoder", 1));
  fields.push_back(
      config::integer("seqpe.encoder.heads", encoder.heads, "its attention heads; likewise", 1));
  fields.push_back(
      config::integer("seqpe.encoder.layers", encoder.layers, "its Transformer blocks", 1, 10000));
  fields.push_back(config::enumeration("seqpe.encoder.attention", encoder.attention,
                                       {"causal", "bidirectional"}, "which digits a digit sees"));
  fields.push_back(config::boolean("seqpe.encoder.mask_padding", encoder.mask_padding,
                                   "hide the padding digits"));
  fields.push_back(config::boolean("seqpe.encoder.last_layernorm", encoder.last_layernorm,
                                   "layer norm before the output projection"));
  fields.push_back(config::number("seqpe.encoder.temperature", encoder.temperature,
                                  "divides the embedding", 1e-6));
  fields.push_back(config::enumeration("seqpe.encoder.activation", encoder.activation,
                                       {"gelu", "gelu_new"}, "of its MLP"));
  fields.push_back(config::number("seqpe.encoder.dropout.residual", encoder.dropout.residual,
                                  "on what a branch adds", 0.0, 0.99));
  fields.push_back(config::number("seqpe.encoder.dropout.attention", encoder.dropout.attention,
                                  "on attention weights", 0.0, 0.99));
}

void add_seqpe(std::vector<Field>& fields, SeqpeOptions& seqpe) {
  fields.push_back(config::enumeration("seqpe.apply", seqpe.apply,
                                       {"input_add", "attn_add", "attn_mul", "attn_scalar"},
                                       "where position embeddings act"));
  fields.push_back(config::enumeration("seqpe.qk_projection", seqpe.qk_projection,
                                       {"none", "none_split", "single", "per_layer"},
                                       "projection of an embedding to pe_q and pe_k"));
  fields.push_back(
      config::boolean("seqpe.multi_head", seqpe.multi_head, "each head has its own slice"));
  fields.push_back(
      config::number("seqpe.scalar_scale", seqpe.scalar_scale, "lambda of attn_scalar"));
  fields.push_back(config::integer("seqpe.base", seqpe.base, "of the digits", 2, 256));
  fields.push_back(config::integer("seqpe.max_position", seqpe.max_position,
                                   "training positions lie below it", 2));
  fields.push_back(
      config::integer_or_auto("seqpe.max_digits", seqpe.max_digits,
                              "digits a position; auto: as many as max_position needs"));
  add_encoder(fields, seqpe.encoder);
  fields.push_back(
      config::number("seqpe.shift.rate", seqpe.shift.rate, "share of shifted steps", 0.0, 1.0));
  fields.push_back(
      config::integer("seqpe.shift.pool", seqpe.shift.pool, "start positions, drawn once", 1));
  fields.push_back(config::integer("seqpe.shift.blocks", seqpe.shift.blocks,
                                   "start positions a shifted step", 1));
  ContrastiveOptions& contrastive = seqpe.contrastive;
  fields.push_back(
      config::number("seqpe.contrastive.weight", contrastive.weight, "of the loss; 0: none"));
  fields.push_back(
      config::integer("seqpe.contrastive.pivots", contrastive.pivots, "positions a step", 1));
  fields.push_back(config::integer("seqpe.contrastive.candidates", contrastive.candidates,
                                   "positions a pivot", 2));
  fields.push_back(config::enumeration("seqpe.contrastive.mixture", contrastive.mixture,
                                       {"mixed", "uniform"},
                                       "mixed: hard and local candidates too"));
  fields.push_back(config::integer("seqpe.contrastive.local_range", contrastive.local_range,
                                   "window of local candidates", 1));
  fields.push_back(
      config::boolean("seqpe.contrastive.per_head", contrastive.per_head, "one softmax a head"));
  fields.push_back(config::number("seqpe.contrastive.logit_scale", contrastive.logit_scale,
                                  "multiplies the logits"));
  TransferOptions& transfer = seqpe.transfer;
  fields.push_back(
      config::number("seqpe.transfer.weight", transfer.weight, "of the loss; 0: none"));
  fields.push_back(
      config::integer("seqpe.transfer.starts", transfer.starts, "far windows a step", 1));
  fields.push_back(
      config::integer("seqpe.transfer.indices", transfer.indices, "positions a window", 2));
  fields.push_back(config::enumeration("seqpe.transfer.metric", transfer.metric, {"kl_div", "mse"},
                                       "distance of Gram matrices"));
  fields.push_back(config::number("seqpe.transfer.beta", transfer.beta,
                                  "share of the student's side", 0.0, 1.0));
  fields.push_back(
      config::boolean("seqpe.transfer.per_head", transfer.per_head, "one Gram matrix a head"));
  fields.push_back(config::number("seqpe.transfer.logit_scale", transfer.logit_scale,
                                  "multiplies Gram matrices"));
  fields.push_back(config::integer("seqpe.loss_warmup_steps", seqpe.loss_warmup_steps,
                                   "steps over which both weights grow from 0"));
}

void add_train(std::vector<Field>& fields, train::TrainConfig& train) {
  train::GroupConfig &model = train.groups.at("model"), &encoder = train.groups.at("encoder");
  fields.push_back(config::integer("train.steps", train.steps, "optimiser updates", 1));
  fields.push_back(
      config::integer("train.batch_size", train.batch_size, "sequences or images a step", 1));
  fields.push_back(config::integer_or_auto("train.micro_batch_size", train.micro_batch_size,
                                           "those computed at once; auto: all"));
  fields.push_back(config::number("train.learning_rate", model.learning_rate, "peak"));
  fields.push_back(config::number_or_auto("train.encoder_learning_rate", encoder.learning_rate,
                                          "of the position encoder; auto: train.learning_rate"));
  fields.push_back(config::number("train.min_learning_rate", train.min_learning_rate,
                                  "what linear and cosine end at, after the last step"));
  fields.push_back(config::integer("train.warmup_steps", train.warmup_steps, "steps to the peak"));
  fields.push_back(config::number("train.warmup_from", train.warmup_from, "rate of step 0"));
  fields.push_back(config::enumeration("train.schedule", train.schedule,
                                       {"linear", "cosine", "constant"}, "after the warmup"));
  fields.push_back(config::boolean("train.schedule_as_timm", train.schedule_as_timm,
                                   "the rate is that of the step before, and its fall counts from "
                                   "step 0 (timm's, as the published image models were trained)"));
  fields.push_back(config::numbers("train.betas", train.betas, 2, "of AdamW"));
  fields.push_back(config::number("train.eps", train.eps, "of AdamW"));
  fields.push_back(config::number("train.weight_decay", model.weight_decay, "of the model"));
  fields.push_back(
      config::number("train.encoder_weight_decay", encoder.weight_decay, "of the encoder"));
  fields.push_back(
      config::number("train.clip", model.clip, "largest gradient norm of the model; 0: any"));
  fields.push_back(config::number("train.encoder_clip", encoder.clip,
                                  "largest gradient norm of the encoder; 0: any"));
  fields.push_back(config::enumeration(
      "train.precision", train.precision, {"fp32", "bf16", "tf32"},
      "bf16: activations and products; weights, their gradients, moments and sums stay float32; "
      "tf32: factors of products on a GPU, else as fp32"));
  fields.push_back(config::enumeration("train.device", train.device, {"auto", "cpu", "cuda"},
                                       "auto: cuda where it is built in and seen, else cpu"));
  fields.push_back(config::boolean("train.cuda_graphs", train.cuda_graphs,
                                   "on a GPU, record a step once and play it for those like it"));
  fields.push_back(config::boolean("train.pin", train.pin, "bind each CPU thread to a core"));
  fields.push_back(
      config::integer_or_auto("train.threads", train.threads, "CPU threads; auto: one a core"));
  fields.push_back(config::integer("train.seed", train.seed, "of everything random"));
  fields.push_back(
      config::integer("train.eval_every", train.eval_every, "steps; 0: at the end only"));
}

void add_rest(std::vector<Field>& fields, Config& config) {
  fields.push_back(config::enumeration(
      "kernels.attention", config.kernels.attention, {"own", "cudnn", "auto"},
      "on a GPU, in bf16: cudnn: cuDNN's where it can, with dropout masks and an order of sums of "
      "its own; auto: only where neither matters"));
  fields.push_back(config::text("data.path", config.data.path,
                                "training text or images; builtin:NAME is an embedded text, "
                                "builtin:shapes generated images"));
  fields.push_back(
      config::text("data.valid_path", config.data.valid_path,
                   "those of validation; empty: none, of vit: the test split of data.path"));
  fields.push_back(config::text("data.tokenizer", config.data.tokenizer,
                                "bytes, or a folder of tokenizer files"));
  fields.push_back(config::integer("data.block_size", config.data.block_size,
                                   "tokens of a training sequence", 1));
  fields.push_back(config::enumeration("data.reader", config.data.reader, {"lines", "document"},
                                       "tokenise lines apart, or the whole file"));
  fields.push_back(config::enumeration("data.blank_lines", config.data.blank_lines,
                                       {"drop", "keep"}, "lines of white space only"));
  fields.push_back(
      config::integer("data.shards", config.data.shards, "contiguous parts, chunked apart", 1));
  fields.push_back(config::boolean("data.reference_blocks", config.data.reference_blocks,
                                   "lose the last block of a chunk as the reference does"));
  add_image_data(fields, config.data);
  fields.push_back(config::integers(
      "eval.lengths", config.eval.lengths,
      "tokens; empty: data.block_size; the first one is evaluated while training"));
  fields.push_back(config::integer_or_auto(
      "eval.stride", config.eval.stride,
      "tokens; auto: the length; below it, tokens of overlaps count each time"));
  fields.push_back(config::integer("eval.start", config.eval.start, "first position of a block"));
  fields.push_back(config::integer("eval.max_lines", config.eval.max_lines, "lines read; 0: all"));
  add_image_evaluation(fields, config.eval);
  fields.push_back(
      config::integer("checkpoint.every", config.checkpoint.every, "steps; 0: at the end only"));
  fields.push_back(config::integer("checkpoint.keep_last", config.checkpoint.keep_last,
                                   "newest checkpoints kept", 1));
  fields.push_back(config::integer("checkpoint.keep_every", config.checkpoint.keep_every,
                                   "keep those of every so many steps; 0: none"));
  fields.push_back(
      config::integer("log.every", config.log.every, "steps between progress lines", 1));
  dist::DistConfig& dist = config.dist;
  fields.push_back(config::boolean("dist.deterministic", dist.deterministic,
                                   "sum so that the number of processes changes no bit"));
  fields.push_back(config::integer("dist.shards", dist.shards,
                                   "micro-batches of a deterministic step, a power of two that the "
                                   "number of processes divides",
                                   1));
  fields.push_back(config::integer("dist.zero", dist.zero,
                                   "1: the optimiser's moments are shared out among the processes "
                                   "(ZeRO, stage 1)",
                                   0, 1));
  fields.push_back(config::number("dist.bucket_mb", dist.bucket_mb,
                                  "megabytes of gradients that travel together", 0.001));
  fields.push_back(config::enumeration("dist.wire", dist.wire, {"fp32", "bf16"},
                                       "how gradients travel between processes"));
  fields.push_back(config::number("dist.timeout", dist.timeout,
                                  "seconds that a process waits for the others", 1.0, 1e6));
  fields.push_back(config::names("compare", config.compare, position_names(),
                                 "rivals trained after the main model with its data and steps"));
}

}  // namespace

std::vector<Field> fields_of(Config& config) {
  std::vector<Field> fields;
  fields.push_back(config::enumeration("task", config.task, {"lm", "vit"},
                                       "a language model, or an image classifier"));
  add_model(fields, config.model);
  add_image_model(fields, config.model);
  add_seqpe(fields, config.seqpe);
  add_train(fields, config.train);
  add_rest(fields, config);
  return fields;
}

}  // namespace seqpe::models
