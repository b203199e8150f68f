// seqpe_engine bench data: images a second, only read, and read and changed as for training.
#include "tools/seqpe_engine/bench_data.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/data/image_loader.h"
#include "engine/data/parallel_each.h"
#include "engine/ops/image_batch.h"
#include "engine/train/progress.h"
#include "tools/seqpe_engine/commands.h"

namespace seqpe::tools {
namespace {

struct Options {
  std::string path;
  std::int64_t images = 256, threads = 1, size = 224;
  bool json = false;
};

constexpr std::int64_t kBatch = 16;

double read_seconds(const data::ImageDataset& images, const Options& options) {
  const train::Stopwatch watch;
  data::parallel_each(options.images, static_cast<int>(options.threads),
                      [&](std::int64_t i) { images.image(i % images.count()); });
  return watch.seconds();
}

/// By a loader whose workers are the threads, without any for one, and by the step on as many.
double train_seconds(const std::shared_ptr<const data::ImageDataset>& images,
                     const Options& options) {
  data::ImageLoaderOptions loading;
  loading.batch_size = std::min(kBatch, options.images);
  loading.training.size = options.size;
  loading.workers = options.threads == 1 ? 0 : static_cast<int>(options.threads);
  const train::Stopwatch watch;
  data::ImageLoader loader(images, loading);
  std::int64_t done = 0;
  for (std::int64_t step = 0; done < options.images; ++step) {
    const data::ImageBatch batch = loader.next(step);
    ops::image_batch(batch.pixels, ops::image_placements(batch.placements),
                     ops::image_mix(batch.mix), data::kImageNetStatistics.mean,
                     data::kImageNetStatistics.standard_deviation);
    done += loading.batch_size;
  }
  return watch.seconds() * static_cast<double>(options.images) / static_cast<double>(done);
}

void run(const Options& options) {
  set_threads(options.threads);
  const std::shared_ptr<const data::ImageDataset> images =
      data::open_image_dataset(options.path, data::Split::train);
  read_seconds(*images, options);  // the files are in memory then
  const auto count = static_cast<double>(options.images);
  const double read = count / read_seconds(*images, options);
  const double train = count / train_seconds(images, options);
  if (options.json) {
    const nlohmann::ordered_json out = {{"bench", "data"},
                                        {"kind", images->kind()},
                                        {"images", options.images},
                                        {"threads", options.threads},
                                        {"size", options.size},
                                        {"read_images_per_s", read},
                                        {"train_images_per_s", train}};
    return fmt::print("{}\n", out.dump(1));
  }
  fmt::print("{} images of {}, size {}, threads {}\n", options.images, images->kind(), options.size,
             options.threads);
  fmt::print("{:<28} {:>9.1f} images/s\n", "read", read);
  fmt::print("{:<28} {:>9.1f} images/s\n", "read and changed for training", train);
}

}  // namespace

void add_bench_data_command(CLI::App& bench) {
  CLI::App* data = bench.add_subcommand(
      "data", "Time reading images, and preparing them for training by the published recipe");
  data->footer(
      "  seqpe_engine bench data imagenet --images 1000 --threads 4\n"
      "  seqpe_engine bench data train.cache --json");
  const auto options = std::make_shared<Options>();
  data->add_option("PATH", options->path, "Images, as `data prepare` takes them")
      ->required()
      ->check(not_empty());
  data->add_option("--images", options->images, "Images to time, again and again; default 256")
      ->check(at_least(1));
  data->add_option("--threads", options->threads, "Threads; default 1")->check(from_to(1, 1024));
  data->add_option("--size", options->size, "Height and width for training; default 224")
      ->check(from_to(1, 4096));
  data->add_flag("--json", options->json, "One JSON object on stdout");
  data->callback([options] { run(*options); });
}

}  // namespace seqpe::tools
