// Batches of images for training, prepared by threads while the trainer computes, and those for
// evaluation.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/core/tensor.h"
#include "engine/data/epoch_order.h"
#include "engine/data/image_dataset.h"
#include "engine/data/image_evaluation.h"
#include "engine/data/image_normalization.h"
#include "engine/data/image_training.h"
#include "engine/data/mixup.h"

namespace seqpe::data {

struct ImageBatch {
  std::int64_t step = 0;
  // For ops::image_batch, which makes of them what a model takes.
  Tensor pixels;                                    // u8 [B, S, S, 3]
  std::vector<kernels::ImagePlacement> placements;  // B
  kernels::ImageMix mix;
  Tensor labels;   // i64 [B]
  Tensor targets;  // f32 [B, classes]
};

struct ImageLoaderOptions {
  std::int64_t batch_size = 1;
  // Where only a part of each batch is wanted: its rows from `first_row` on, a whole number of
  // pairs (kernels::partner_of) unless it is the end. rows 0: all.
  std::int64_t first_row = 0, rows = 0;
  ImageTrainingOptions training;
  std::optional<MixupOptions> mixup;
  double label_smoothing = 0;
  std::int64_t classes = 0;  // of the targets; 0: as many as the data set has
  std::uint64_t seed = 0;
  int workers = 0;  // threads; 0: next() does it all
  int ahead = 2;    // batches that they prepare before they are asked for; at least 1
};

/// Batch number `step` is made of items step * B to step * B + B - 1 of an EpochOrder of all images
/// (stream "data.order"), or of those of its rows that are wanted, each changed by
/// image_training_generator(seed, epoch, image), all mixed by one draw (stream "image_mix", the
/// step). So a batch is a function of (seed, step), whatever the number of threads and whichever
/// steps came before. For one caller.
class ImageLoader {
 public:
  /// Throws Error for a size of batches, a number of workers or of classes that cannot be.
  ImageLoader(std::shared_ptr<const ImageDataset> dataset, ImageLoaderOptions options);
  /// Waits for the images at work, not for whole batches.
  ~ImageLoader();
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  /// The batch of a step >= 0, in new tensors on the CPU. Asked for in order they are prepared
  /// ahead; another step begins anew there. Throws what preparing the batch threw, of several the
  /// first image's.
  ImageBatch next(std::int64_t step);

  /// What next() took so far, all together: waiting for workers, or without any doing their work.
  double waited_seconds() const { return waited_seconds_; }

 private:
  struct Slot;

  std::shared_ptr<Slot> wait_for(std::int64_t step);
  std::shared_ptr<Slot> schedule(std::int64_t step);
  void prepare(Slot& slot, std::size_t i) const;
  void finish(Slot& slot) const;
  void work(const std::stop_token& stop);

  std::shared_ptr<const ImageDataset> dataset_;
  ImageLoaderOptions options_;
  EpochOrder order_;
  double waited_seconds_ = 0;

  std::mutex mutex_;
  std::condition_variable_any has_work_;  // for workers
  std::condition_variable is_ready_;      // for next()
  std::deque<std::shared_ptr<Slot>> slots_;
  std::vector<std::jthread> workers_;  // the last member: they end before what they use
};

struct EvaluationBatch {
  Tensor images;  // f32 [B, 3, rows, columns]
  Tensor labels;  // i64 [B]
};

/// Images first to first + count - 1 as a model is evaluated on them (evaluation_image), prepared
/// by `threads` threads. Throws DataError of the first image that cannot be.
EvaluationBatch evaluation_batch(const ImageDataset& dataset, std::int64_t first,
                                 std::int64_t count, const EvaluationSize& size,
                                 const ImageStatistics& statistics = kImageNetStatistics,
                                 int threads = 1);

}  // namespace seqpe::data
