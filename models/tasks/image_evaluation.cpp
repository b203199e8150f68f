#include "models/tasks/image_evaluation.h"

#include <algorithm>
#include <array>
#include <vector>

#include "engine/autograd/node.h"
#include "engine/data/image_loader.h"
#include "engine/dist/shared_failure.h"
#include "engine/ops/cross_entropy.h"

namespace seqpe::models {
namespace {

// Images are computed together up to so many patches: enough for full speed, little beside the
// weights.
constexpr std::int64_t kPatchesAtOnce = 4096;

/// How many classes have a logit at least that of `label`, which is not counted itself. NaN leads.
std::int64_t classes_before(const float* logits, std::int64_t classes, std::int64_t label) {
  return std::count_if(logits, logits + classes, [&](const float& logit) {
    return &logit != logits + label && !(logit < logits[label]);
  });
}

constexpr std::size_t kBatchSums = 3;
/// Losses, images whose class is the first, images whose class is among the first five.
using BatchSums = std::array<double, kBatchSums>;

BatchSums sums_of(const ImageClassifier& model, const data::EvaluationBatch& batch,
                  const Tensor& pe) {
  const Tensor logits = model.vit().forward(batch.images.to(model.device()), pe, {});
  const std::int64_t classes = logits.dim(1);
  BatchSums sums{ops::cross_entropy(logits, batch.labels, 0.0, 1.0).loss.item(), 0, 0};
  const Tensor on_host = logits.to(Device::cpu).to(DType::f32);
  for (std::int64_t i = 0; i < on_host.dim(0); ++i) {
    const std::int64_t before = classes_before(on_host.data_as<float>() + i * classes, classes,
                                               batch.labels.data_as<std::int64_t>()[i]);
    sums[1] += before == 0;
    sums[2] += before < 5;
  }
  return sums;
}

}  // namespace

train::EvalRow SizeEvaluation::row() const {
  train::EvalValue told = text_of(size);
  if (size.rows == size.columns) told = size.rows;
  return {{"size", told}, {"top1", top1}, {"top5", top5}, {"loss", loss}, {"images", images}};
}

SizeEvaluation evaluate_size(const ImageClassifier& model, const data::ImageDataset& images,
                             const data::EvaluationSize& size, int threads,
                             const train::OnEvaluated& on_evaluated, dist::ProcessGroup& ranks) {
  const autograd::NoGradGuard no_grad;
  const Vit& vit = model.vit();
  const auto classes = static_cast<std::int64_t>(images.classes().size());
  require<DataError>(classes == vit.options().classes,
                     "[eval] the data must have the model's {} classes, they have {}.",
                     vit.options().classes, classes);
  const Extent grid = vit.grid_of(size.rows, size.columns);
  Tensor pe;
  dist::SharedFailure failure;
  failure.attempt([&] { pe = vit.position().embed(at_origin(grid), {}); });
  failure.throw_together(ranks);
  const std::int64_t at_once = std::max<std::int64_t>(1, kPatchesAtOnce / (grid[0] * grid[1]));
  SizeEvaluation result{.size = size, .images = images.count()};
  // Of each batch the sum of its losses and its images that are first, and among the first five,
  // from the one rank that computes it: zeros of the others change no bit.
  const std::int64_t batches = (result.images + at_once - 1) / at_once;
  std::vector<BatchSums> sums(static_cast<std::size_t>(batches));
  for (std::int64_t round = 0; round < batches; round += ranks.size()) {
    const std::int64_t end = std::min(batches, round + ranks.size()), mine = round + ranks.rank(),
                       begin = mine * at_once;
    if (mine < end) {
      failure.attempt([&] {
        const data::EvaluationBatch batch =
            data::evaluation_batch(images, begin, std::min(at_once, result.images - begin), size,
                                   data::kImageNetStatistics, threads);
        sums[static_cast<std::size_t>(mine)] = sums_of(model, batch, pe);
      });
    }
    if (on_evaluated) on_evaluated(std::min(end * at_once, result.images), result.images);
  }
  failure.throw_together(ranks);
  ranks.sum({sums.data()->data(), sums.size() * kBatchSums});
  BatchSums all{};
  for (const BatchSums& batch : sums) {
    for (std::size_t i = 0; i < kBatchSums; ++i) all[i] += batch[i];
  }
  const auto share = [&](double part) { return part / static_cast<double>(result.images); };
  result.loss = share(all[0]);
  result.top1 = share(all[1]);
  result.top5 = share(all[2]);
  return result;
}

}  // namespace seqpe::models
