#include "models/tasks/image_evaluation.h"

#include <algorithm>

#include "engine/autograd/node.h"
#include "engine/data/image_loader.h"
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

}  // namespace

train::EvalRow SizeEvaluation::row() const {
  train::EvalValue told = text_of(size);
  if (size.rows == size.columns) told = size.rows;
  return {{"size", told}, {"top1", top1}, {"top5", top5}, {"loss", loss}, {"images", images}};
}

SizeEvaluation evaluate_size(const ImageClassifier& model, const data::ImageDataset& images,
                             const data::EvaluationSize& size, int threads,
                             const train::OnEvaluated& on_evaluated) {
  const autograd::NoGradGuard no_grad;
  const Vit& vit = model.vit();
  const auto classes = static_cast<std::int64_t>(images.classes().size());
  require<DataError>(classes == vit.options().classes,
                     "[eval] the data must have the model's {} classes, they have {}.",
                     vit.options().classes, classes);
  const Extent grid = vit.grid_of(size.rows, size.columns);
  const Tensor pe = vit.position().embed(at_origin(grid), {});
  const std::int64_t at_once = std::max<std::int64_t>(1, kPatchesAtOnce / (grid[0] * grid[1]));
  SizeEvaluation result{.size = size, .images = images.count()};
  std::int64_t first = 0, among_five = 0;
  double loss = 0;
  for (std::int64_t begin = 0; begin < result.images; begin += at_once) {
    const std::int64_t count = std::min(at_once, result.images - begin);
    const data::EvaluationBatch batch =
        data::evaluation_batch(images, begin, count, size, data::kImageNetStatistics, threads);
    const Tensor logits = vit.forward(batch.images.to(model.device()), pe, {});
    loss += ops::cross_entropy(logits, batch.labels, 0.0, 1.0).loss.item();
    const Tensor on_host = logits.to(Device::cpu).to(DType::f32);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t before = classes_before(on_host.data_as<float>() + i * classes, classes,
                                                 batch.labels.data_as<std::int64_t>()[i]);
      first += before == 0;
      among_five += before < 5;
    }
    if (on_evaluated) on_evaluated(begin + count, result.images);
  }
  const auto share = [&](auto part) {
    return static_cast<double>(part) / static_cast<double>(result.images);
  };
  result.top1 = share(first);
  result.top5 = share(among_five);
  result.loss = share(loss);
  return result;
}

}  // namespace seqpe::models
