#include "engine/data/image_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "engine/core/stream_id.h"
#include "engine/data/parallel_each.h"

namespace seqpe::data {
namespace {

/// Whoever trains or evaluates may go on without bad files.
Image image_of(const ImageDataset& dataset, std::int64_t index) {
  try {
    return dataset.image(index);
  } catch (const DataError& error) {
    throw DataError(
        fmt::format("{} Hint: data.bad_image=skip leaves such files out.", error.what()));
  }
}

/// What `work` throws.
template <typename F>
std::exception_ptr error_of(const F& work) {
  try {
    work();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

/// A batch that is being prepared.
struct ImageLoader::Slot {
  struct Item {
    std::uint32_t epoch;
    std::int64_t image;
  };
  ImageBatch batch;
  std::vector<Item> items;
  // Under the loader's mutex.
  std::size_t handed_out = 0, done = 0;
  bool ready = false;
  std::size_t failed = static_cast<std::size_t>(-1);  // the first item that did
  std::exception_ptr error;
};

ImageLoader::ImageLoader(std::shared_ptr<const ImageDataset> dataset, ImageLoaderOptions options)
    : dataset_(std::move(dataset)),
      options_(options),
      order_(dataset_->count(), options.seed, "data.order") {
  const auto known = static_cast<std::int64_t>(dataset_->classes().size());
  if (options_.classes == 0) options_.classes = known;
  require(options_.batch_size >= 1, "[loader] expected a batch of at least 1 image, got {}.",
          options_.batch_size);
  if (options_.rows == 0) options_.rows = options_.batch_size - options_.first_row;
  const std::int64_t end = options_.first_row + options_.rows;
  require(options_.first_row >= 0 && options_.rows >= 1 && end <= options_.batch_size,
          "[loader] expected at least one row of a batch of {}, got {} from {} on.",
          options_.batch_size, options_.rows, options_.first_row);
  require(!options_.mixup || (options_.first_row % 2 == 0 &&
                              (options_.rows % 2 == 0 || end == options_.batch_size)),
          "[loader] expected whole pairs of images to mix, got {} of {} from {} on.", options_.rows,
          options_.batch_size, options_.first_row);
  require(options_.workers >= 0 && options_.ahead >= 1,
          "[loader] expected 0 or more workers and 1 or more batches ahead, got {} and {}.",
          options_.workers, options_.ahead);
  require<DataError>(options_.classes >= known,
                     "[loader] expected at least the {} classes of the images, got {}.", known,
                     options_.classes);
  for (int i = 0; i < options_.workers; ++i)
    workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

ImageLoader::~ImageLoader() {
  for (std::jthread& worker : workers_) worker.request_stop();  // all, before the first is joined
}

ImageBatch ImageLoader::next(std::int64_t step) {
  require(step >= 0, "[loader] expected a step >= 0, got {}.", step);
  const auto begin = std::chrono::steady_clock::now();
  std::shared_ptr<Slot> slot;
  if (workers_.empty()) {
    slot = schedule(step);
    for (std::size_t i = 0; i < slot->items.size(); ++i) prepare(*slot, i);
    finish(*slot);
  } else {
    slot = wait_for(step);
  }
  waited_seconds_ +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (slot->error) std::rethrow_exception(slot->error);
  return std::move(slot->batch);
}

std::shared_ptr<ImageLoader::Slot> ImageLoader::wait_for(std::int64_t step) {
  // Only this thread changes the queue; workers change what is in it.
  std::vector<std::shared_ptr<Slot>> added;
  const bool expected = !slots_.empty() && slots_.front()->batch.step == step;
  const std::int64_t scheduled = expected ? slots_.back()->batch.step + 1 : step;
  for (std::int64_t later = scheduled; later <= step + options_.ahead; ++later)
    added.push_back(schedule(later));
  std::unique_lock lock(mutex_);
  if (!expected) slots_.clear();  // an image at work goes on in its slot, which nobody reads
  slots_.insert(slots_.end(), added.begin(), added.end());
  has_work_.notify_all();
  const std::shared_ptr<Slot> slot = slots_.front();
  is_ready_.wait(lock, [&] { return slot->ready; });
  slots_.pop_front();
  return slot;
}

std::shared_ptr<ImageLoader::Slot> ImageLoader::schedule(std::int64_t step) {
  auto slot = std::make_shared<Slot>();
  const std::int64_t size = options_.training.size, rows = options_.rows;
  slot->batch.step = step;
  slot->batch.pixels = Tensor::empty({rows, size, size, Image::channels}, DType::u8);
  slot->batch.placements.resize(static_cast<std::size_t>(rows));
  slot->batch.labels = Tensor::empty({rows}, DType::i64);
  slot->batch.targets = Tensor::empty({rows, options_.classes});
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t n = step * options_.batch_size + options_.first_row + i;
    slot->items.push_back({static_cast<std::uint32_t>(n / dataset_->count()), order_.at(n)});
    slot->batch.labels.span<std::int64_t>()[static_cast<std::size_t>(i)] =
        dataset_->label(slot->items.back().image);
  }
  return slot;
}

void ImageLoader::prepare(Slot& slot, std::size_t i) const {
  const Slot::Item& item = slot.items[i];
  const ImageTrainingOptions& training = options_.training;
  const Image image = image_of(*dataset_, item.image);
  const auto index = static_cast<std::uint64_t>(item.image);
  PhiloxGenerator generator = image_training_generator(options_.seed, item.epoch, index);
  const ImageTrainingDraws draws =
      draw_image_training(image.height, image.width, training, generator);
  const auto [bytes, placement] =
      prepare_image(image, training.size, draws, image_noise_key(options_.seed, item.epoch, index));
  std::copy(bytes.pixels.begin(), bytes.pixels.end(),
            slot.batch.pixels.data_as<std::uint8_t>() + i * bytes.pixels.size());
  slot.batch.placements[i] = placement;
}

void ImageLoader::finish(Slot& slot) const {
  const std::int64_t size = options_.training.size;
  Mix mix;
  if (options_.mixup) {
    PhiloxGenerator generator({.seed = options_.seed,
                               .stream = stream_id("image_mix"),
                               .step = static_cast<std::uint32_t>(slot.batch.step)});
    mix = draw_mix(size, size, *options_.mixup, generator);
  }
  slot.batch.mix = mix_of_images(mix);
  soft_targets(slot.batch.labels.span<std::int64_t>(), options_.classes, options_.label_smoothing,
               mix.lambda, slot.batch.targets.data_as<float>());
}

void ImageLoader::work(const std::stop_token& stop) {
  run_on_any_core();
  std::unique_lock lock(mutex_);
  while (true) {
    std::shared_ptr<Slot> slot;
    const auto find_work = [&] {
      const auto found = std::find_if(slots_.begin(), slots_.end(), [](const auto& candidate) {
        return candidate->handed_out < candidate->items.size();
      });
      if (found != slots_.end()) slot = *found;
      return slot != nullptr;
    };
    if (!has_work_.wait(lock, stop, find_work) || stop.stop_requested()) return;
    const std::size_t item = slot->handed_out++;
    lock.unlock();
    const std::exception_ptr error = error_of([&] { prepare(*slot, item); });
    lock.lock();
    if (error && item < slot->failed) {
      slot->failed = item;
      slot->error = error;
    }
    if (++slot->done < slot->items.size()) continue;
    lock.unlock();
    const std::exception_ptr last = slot->error ? nullptr : error_of([&] { finish(*slot); });
    lock.lock();
    if (last) slot->error = last;
    slot->ready = true;
    is_ready_.notify_one();
  }
}

EvaluationBatch evaluation_batch(const ImageDataset& dataset, std::int64_t first,
                                 std::int64_t count, const EvaluationSize& size,
                                 const ImageStatistics& statistics, int threads) {
  require(first >= 0 && count >= 1 && first + count <= dataset.count(),
          "[loader] evaluation: expected images from 0 to {}, got {} from {} on.",
          dataset.count() - 1, count, first);
  EvaluationBatch batch{Tensor::empty({count, Image::channels, size.rows, size.columns}),
                        Tensor::empty({count}, DType::i64)};
  auto* const images = batch.images.data_as<float>();
  auto* const labels = batch.labels.data_as<std::int64_t>();
  parallel_each(count, threads, [&](std::int64_t i) {
    const Image image = evaluation_image(image_of(dataset, first + i), size);
    normalize_image(image, statistics, images + i * Image::channels * size.rows * size.columns);
    labels[i] = dataset.label(first + i);
  });
  return batch;
}

}  // namespace seqpe::data
