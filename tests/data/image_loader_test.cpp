#include "engine/data/image_loader.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "engine/core/stream_id.h"
#include "engine/data/parallel_each.h"
#include "engine/ops/image_batch.h"
#include "tests/reference/image_batch.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_images.h"

namespace seqpe::data {
namespace {

std::vector<float> floats_of(const Tensor& tensor) {
  const auto values = tensor.span<float>();
  return {values.begin(), values.end()};
}

std::vector<std::uint8_t> bytes_of(const Tensor& tensor) {
  const auto values = tensor.span<std::uint8_t>();
  return {values.begin(), values.end()};
}

std::vector<std::int64_t> labels_of(const Tensor& tensor) {
  const auto values = tensor.span<std::int64_t>();
  return {values.begin(), values.end()};
}

void expect_same(const ImageBatch& batch, const ImageBatch& other) {
  EXPECT_EQ(batch.step, other.step);
  EXPECT_EQ(bytes_of(batch.pixels), bytes_of(other.pixels));
  EXPECT_EQ(bytes_of(ops::image_placements(batch.placements)),
            bytes_of(ops::image_placements(other.placements)));
  EXPECT_EQ(bytes_of(ops::image_mix(batch.mix)), bytes_of(ops::image_mix(other.mix)));
  EXPECT_EQ(labels_of(batch.labels), labels_of(other.labels));
  EXPECT_EQ(floats_of(batch.targets), floats_of(other.targets));
}

/// Everything that is random, on images of 8 x 8.
ImageLoaderOptions all_of_it(int workers) {
  ImageLoaderOptions options;
  options.batch_size = 5;
  options.training.size = 8;
  options.mixup = MixupOptions{};
  options.label_smoothing = 0.1;
  options.seed = 3;
  options.workers = workers;
  return options;
}

/// Nothing random but the order.
ImageLoaderOptions order_alone(int workers) {
  ImageLoaderOptions options;
  options.batch_size = 5;
  options.training.size = 1;
  options.training.rand_augment.reset();
  options.training.color_jitter.reset();
  options.training.erasing_probability = 0;
  options.seed = 3;
  options.workers = workers;
  return options;
}

std::shared_ptr<const ImageDataset> images_of(std::int64_t count, std::int64_t side = 8) {
  return test::numbered_images(count, side, 4);
}

TEST(ImageLoader, BatchesAreFunctionsOfSeedAndStep) {
  // 12 images in batches of 5: the third batch spans two epochs.
  std::vector<ImageBatch> expected;
  ImageLoader alone(images_of(12), all_of_it(0));
  for (std::int64_t step = 0; step < 8; ++step) expected.push_back(alone.next(step));
  for (const int workers : {1, 2, 4}) {
    ImageLoader loader(images_of(12), all_of_it(workers));
    for (const std::int64_t step : {0, 1, 2, 3, 4, 5, 6, 7}) {
      SCOPED_TRACE(fmt::format("{} workers, step {}", workers, step));
      expect_same(loader.next(step), expected[static_cast<std::size_t>(step)]);
    }
  }
  for (const int workers : {0, 2}) {  // a resume at any step, and jumps
    ImageLoader loader(images_of(12), all_of_it(workers));
    for (const std::int64_t step : {5, 6, 2, 2, 7, 0, 1}) {
      SCOPED_TRACE(fmt::format("{} workers, step {}", workers, step));
      expect_same(loader.next(step), expected[static_cast<std::size_t>(step)]);
    }
  }
  ImageLoaderOptions other = all_of_it(0);
  other.seed = 4;
  EXPECT_NE(bytes_of(ImageLoader(images_of(12), other).next(0).pixels),
            bytes_of(expected[0].pixels));
}

/// Changed by the CPU and the device, or by the device alone.
void expect_parts(const ImageLoaderOptions& options) {
  const auto images = images_of(12);
  const std::int64_t step = 2;  // items 10 and 11 of epoch 0, 0 to 2 of epoch 1
  const ImageBatch batch = ImageLoader(images, options).next(step);
  EXPECT_EQ(batch.pixels.shape(), (Shape{5, 8, 8, 3}));
  EXPECT_EQ(batch.labels.shape(), (Shape{5}));
  EXPECT_EQ(batch.targets.shape(), (Shape{5, 4}));

  EpochOrder order(12, 3, "data.order");
  std::vector<float> planes(5 * 192), targets(20);
  std::vector<std::int64_t> labels;
  for (std::int64_t n = 10; n < 15; ++n) {
    const std::int64_t image = order.at(n);
    const auto index = static_cast<std::uint64_t>(image);
    const std::uint32_t epoch = n < 12 ? 0 : 1;
    labels.push_back(images->label(image));
    PhiloxGenerator generator = image_training_generator(3, epoch, index);
    const auto draws = draw_image_training(8, 8, options.training, generator);
    float* const own = planes.data() + (n - 10) * 192;
    normalize_image(training_image(images->image(image), 8, draws), kImageNetStatistics, own);
    const auto prepared =
        prepare_image(images->image(image), 8, draws, image_noise_key(3, epoch, index));
    reference::erase_box(prepared.placement, 8, 8, own);
  }
  PhiloxGenerator generator({.seed = 3, .stream = stream_id("image_mix"), .step = 2});
  const Mix mix = draw_mix(8, 8, MixupOptions{}, generator);
  reference::mix_images(mix, 5, 8, 8, planes.data());
  soft_targets(labels, 4, 0.1, mix.lambda, targets.data());
  EXPECT_EQ(labels_of(batch.labels), labels);
  EXPECT_EQ(floats_of(ops::image_batch(batch.pixels, ops::image_placements(batch.placements),
                                       ops::image_mix(batch.mix), kImageNetStatistics.mean,
                                       kImageNetStatistics.standard_deviation)),
            planes);
  EXPECT_EQ(floats_of(batch.targets), targets);
}

TEST(ImageLoader, ABatchIsMadeOfItsParts) {
  ImageLoaderOptions options = all_of_it(0);
  options.training.erasing_probability = 1;
  expect_parts(options);
  options.training.rand_augment.reset();
  options.training.color_jitter.reset();
  expect_parts(options);
}

TEST(ImageLoader, AnEpochShowsEveryImageOnce) {
  for (const int workers : {0, 2}) {
    ImageLoaderOptions options = order_alone(workers);
    options.training.size = 8;
    ImageLoader loader(images_of(20), options);
    std::vector<std::int64_t> epoch, first_epoch;
    for (std::int64_t step = 0; step < 8; ++step) {
      const ImageBatch batch = loader.next(step);
      for (std::size_t i = 0; i < 5; ++i) {
        const std::int64_t number = batch.pixels.span<std::uint8_t>()[192 * i];
        EXPECT_EQ(number % 4, batch.labels.span<std::int64_t>()[i]);
        epoch.push_back(number);
      }
      if (epoch.size() < 20) continue;
      EXPECT_EQ(std::set<std::int64_t>(epoch.begin(), epoch.end()).size(), 20U);
      EXPECT_NE(epoch, first_epoch);
      first_epoch.swap(epoch);
      epoch.clear();
    }
  }
}

TEST(ImageLoader, WithoutMixTargetsAreTheLabels) {
  ImageLoaderOptions options = order_alone(0);
  options.classes = 6;
  const ImageBatch batch = ImageLoader(images_of(20, 1), options).next(0);
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t c = 0; c < 6; ++c) {
      EXPECT_EQ(batch.targets.span<float>()[6 * i + c],
                static_cast<std::int64_t>(c) == batch.labels.span<std::int64_t>()[i] ? 1 : 0);
    }
  }
}

TEST(ImageLoader, BatchesKeepTheirTensors) {
  ImageLoader loader(images_of(12), all_of_it(2));
  const ImageBatch first = loader.next(0);
  const std::vector<std::uint8_t> before = bytes_of(first.pixels);
  for (std::int64_t step = 1; step < 6; ++step) loader.next(step);
  EXPECT_EQ(bytes_of(first.pixels), before);
}

/// Counts the images that were asked for; some are bad.
class WatchedImages : public ImageDataset {
 public:
  explicit WatchedImages(std::set<std::int64_t> bad = {}) : bad_(std::move(bad)) {}
  std::string kind() const override { return "test"; }
  std::string split() const override { return "all"; }
  std::int64_t count() const override { return 20; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t) const override { return 0; }
  Image image(std::int64_t index) const override {
    ++asked;
    require<DataError>(bad_.count(index) == 0, "image {}", index);
    return make_image(1, 1, "test");
  }
  mutable std::atomic<int> asked{0};

 private:
  std::set<std::int64_t> bad_;
  std::vector<std::string> classes_{"a"};
};

void wait_until(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(holds());
}

TEST(ImageLoader, WorkersPrepareSoManyBatchesAhead) {
  const auto images = std::make_shared<WatchedImages>();
  ImageLoaderOptions options = order_alone(2);
  options.ahead = 3;
  ImageLoader loader(images, options);
  EXPECT_EQ(images->asked, 0);
  loader.next(0);
  wait_until([&] { return images->asked == 20; });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(images->asked, 20);  // the batch and three ahead, no more
  loader.next(1);
  wait_until([&] { return images->asked == 25; });
  EXPECT_GT(loader.waited_seconds(), 0);
}

TEST(ImageLoader, TheFirstErrorOfABatchArrives) {
  EpochOrder order(20, 3, "data.order");
  for (const int workers : {0, 1, 3}) {
    SCOPED_TRACE(workers);
    // Items 7 and 9, in batch 1.
    const auto images =
        std::make_shared<WatchedImages>(std::set<std::int64_t>{order.at(9), order.at(7)});
    ImageLoader loader(images, order_alone(workers));
    EXPECT_EQ(loader.next(0).step, 0);
    for (int again = 0; again < 3; ++again)
      test::expect_error<DataError>(
          [&] { loader.next(1); },
          fmt::format("image {} Hint: data.bad_image=skip leaves such files out.", order.at(7)));
    EXPECT_EQ(loader.next(2).step, 2);
  }
}

TEST(ImageLoader, AWrongMixArrives) {
  for (const int workers : {0, 2}) {
    ImageLoaderOptions options = order_alone(workers);
    options.mixup = MixupOptions{.mixup_alpha = -1};
    ImageLoader loader(images_of(20, 1), options);
    test::expect_error([&] { loader.next(0); },
                       "[augmentation] mixup: expected a finite mixup alpha >= 0, got -1.");
  }
}

/// Counts the cores of the thread that asked last.
class CoreCountingImages : public WatchedImages {
 public:
  Image image(std::int64_t index) const override {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    ::sched_getaffinity(0, sizeof(allowed), &allowed);
    cores = CPU_COUNT(&allowed);
    return WatchedImages::image(index);
  }
  mutable std::atomic<int> cores{0};
};

TEST(ImageLoader, WorkersOfABoundThreadAreFree) {
  const auto images = std::make_shared<CoreCountingImages>();
  std::jthread bound([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
    ImageLoader(images, order_alone(1)).next(0);
  });
  bound.join();
  EXPECT_EQ(images->cores, usable_cores());
}

/// An image takes a while.
class SlowImages : public WatchedImages {
 public:
  Image image(std::int64_t index) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return WatchedImages::image(index);
  }
};

TEST(ImageLoader, EndsWithoutWaitingForBatches) {
  const auto images = std::make_shared<SlowImages>();
  {
    ImageLoader loader(images, order_alone(2));
    loader.next(0);
  }
  // Of the ten images of two batches ahead each worker had at most one or two at work.
  EXPECT_LT(images->asked, 5 + 6);
  ImageLoader never_asked(images, order_alone(4));
}

TEST(ImageLoader, WrongOptionsAreRefused) {
  const auto open = [](const std::function<void(ImageLoaderOptions&)>& change) {
    ImageLoaderOptions options;
    change(options);
    const ImageLoader loader(images_of(4), options);
  };
  test::expect_error([&] { open([](auto& options) { options.batch_size = 0; }); },
                     "[loader] expected a batch of at least 1 image, got 0.");
  test::expect_error([&] { open([](auto& options) { options.workers = -1; }); },
                     "[loader] expected 0 or more workers and 1 or more batches ahead, got -1 and "
                     "2.");
  test::expect_error([&] { open([](auto& options) { options.ahead = 0; }); },
                     "[loader] expected 0 or more workers and 1 or more batches ahead, got 0 and "
                     "0.");
  test::expect_error<DataError>([&] { open([](auto& options) { options.classes = 3; }); },
                                "[loader] expected at least the 4 classes of the images, got 3.");
  ImageLoader loader(images_of(4), order_alone(0));
  test::expect_error([&] { loader.next(-1); }, "[loader] expected a step >= 0, got -1.");
}

TEST(EvaluationBatch, ImagesInTheirOrder) {
  const auto images = images_of(12, 2);
  for (const int threads : {1, 3}) {
    const EvaluationBatch batch =
        evaluation_batch(*images, 5, 3, {2, 2}, {{0, 0, 0}, {1, 1, 1}}, threads);
    EXPECT_EQ(batch.images.shape(), (Shape{3, 3, 2, 2}));
    EXPECT_EQ(labels_of(batch.labels), (std::vector<std::int64_t>{1, 2, 3}));
    for (std::size_t i = 0; i < 36; ++i)
      EXPECT_EQ(batch.images.span<float>()[i], static_cast<float>(5 + i / 12) / 255.0F);
  }
}

TEST(EvaluationBatch, LargerSizesAreResized) {
  const EvaluationBatch batch = evaluation_batch(*images_of(2, 8), 0, 2, {16, 48});
  EXPECT_EQ(batch.images.shape(), (Shape{2, 3, 16, 48}));
  const float one = (1 / 255.0F - 0.485F) / 0.229F;
  EXPECT_EQ(batch.images.span<float>()[3 * 16 * 48], one);  // gray stays gray
}

TEST(EvaluationBatch, ErrorsArrive) {
  test::expect_error(
      [] {
        evaluation_batch(*images_of(4), 2, 3, {8, 8});
      },
      "[loader] evaluation: expected images from 0 to 3, got 3 from 2 on.");
  test::expect_error<DataError>(
      [] {
        evaluation_batch(WatchedImages({0}), 0, 1, {8, 8});
      },
      "image 0 Hint: data.bad_image=skip leaves such files out.");
  test::expect_error_with<DataError>(
      [] {
        evaluation_batch(*images_of(4), 0, 1, {7, 7});
      },
      "[image] evaluation at 7 x 7: expected images of that height");
}

}  // namespace
}  // namespace seqpe::data
