// seqpe_engine data prepare|inspect|verify
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "engine/core/warning.h"
#include "engine/data/image_cache.h"
#include "engine/data/parallel_each.h"
#include "engine/train/progress.h"
#include "engine/train/signals.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/sizes.h"
#include "tools/seqpe_engine/tables.h"

namespace seqpe::tools {
namespace {

struct Options {
  std::string path, out, split = "train", bad_image = "refuse";
  std::int64_t shorter_side = 0, threads = 0;
  VerbosityFlags verbosity;
  bool json = false;

  std::unique_ptr<data::ImageDataset> open() const {
    return data::open_image_dataset(path,
                                    split == "train" ? data::Split::train : data::Split::test);
  }
  int thread_count() const {
    return threads == 0 ? data::usable_cores() : static_cast<int>(threads);
  }
};

constexpr double kLineSeconds = 10;

/// A bar on a terminal, a line now and then elsewhere; a signal ends the work.
data::ImageProgress progress_of(train::Log& log) {
  return [&log, watch = train::Stopwatch(), next_line = kLineSeconds](std::int64_t done,
                                                                      std::int64_t total) mutable {
    train::stop_here_if_requested();
    const double rate = static_cast<double>(done) / watch.seconds();
    const std::string line =
        fmt::format("{}/{} images ETA {} {:.0f} images/s", done, total,
                    train::duration(static_cast<double>(total - done) / rate), rate);
    log.draw(done, total, line);
    if (log.draws() || watch.seconds() < next_line) return;
    log.say(line);
    next_line = watch.seconds() + kLineSeconds;
  };
}

std::string counted(std::size_t count, const std::string& thing, const std::string& things) {
  return fmt::format("{} {}", count, count == 1 ? thing : things);
}

void run_prepare(const Options& options) {
  const std::filesystem::path out = options.out;
  require<UsageError>(!std::filesystem::exists(out) || data::is_image_cache(out),
                      "[data] {} is there and is no cache. Hint: another name.", out.string());
  const train::SignalGuard signals;
  train::Log log(options.verbosity.level());
  const auto images = options.open();
  log.say(fmt::format("{}: {}, split {}, {}", options.path, images->kind(), images->split(),
                      counted(static_cast<std::size_t>(images->count()), "image", "images")));
  const auto result = data::write_image_cache(
      *images, out,
      {.shorter_side = options.shorter_side,
       .bad_images = options.bad_image == "skip" ? data::BadImages::skip : data::BadImages::refuse,
       .threads = options.thread_count(),
       .progress = progress_of(log)});
  log.clear();
  if (!result.skipped.empty()) warn(data::bad_images_text(result.skipped));
  fmt::print("{}: {} of {}, {}, {} skipped\n", printable(options.out),
             counted(static_cast<std::size_t>(result.images), "image", "images"),
             counted(images->classes().size(), "class", "classes"),
             size_text(static_cast<double>(result.bytes)), result.skipped.size());
}

/// How many images have it, by height or width.
using Lengths = std::map<std::int64_t, std::int64_t>;

std::int64_t median(const Lengths& lengths, std::int64_t images) {
  std::int64_t before = 0;
  for (const auto& [length, count] : lengths) {
    before += count;
    if (2 * before >= images) return length;
  }
  return 0;
}

/// What `inspect` tells.
struct Facts {
  std::vector<std::int64_t> by_class;
  Lengths heights, widths;
  std::int64_t good = 0, bad = 0;
};

Facts look_at(const data::ImageDataset& images, int threads, const data::ImageProgress& progress) {
  Facts facts;
  facts.by_class.resize(images.classes().size());
  for (std::int64_t i = 0; i < images.count(); ++i)
    ++facts.by_class[static_cast<std::size_t>(images.label(i))];
  std::mutex mutex;
  data::for_each_image(images, threads, progress, [&](std::int64_t i) {
    data::Image image;
    try {
      image = images.image(i);
    } catch (const DataError&) {
      const std::lock_guard lock(mutex);
      ++facts.bad;
      return;
    }
    const std::lock_guard lock(mutex);
    ++facts.good;
    ++facts.heights[image.height];
    ++facts.widths[image.width];
  });
  return facts;
}

nlohmann::ordered_json lengths_json(const Lengths& lengths, std::int64_t images) {
  if (lengths.empty()) return nullptr;
  return {{"min", lengths.begin()->first},
          {"median", median(lengths, images)},
          {"max", lengths.rbegin()->first}};
}

void print_lengths(const char* name, const Lengths& lengths, std::int64_t images) {
  if (lengths.empty()) return;
  fmt::print("{:<10} min {}, median {}, max {}\n", name, lengths.begin()->first,
             median(lengths, images), lengths.rbegin()->first);
}

void run_inspect(const Options& options) {
  const train::SignalGuard signals;
  train::Log log(options.verbosity.level());
  const auto images = options.open();
  const Facts facts = look_at(*images, options.thread_count(), progress_of(log));
  log.clear();
  const std::int64_t shorter_side = images->shorter_side();
  if (options.json) {
    nlohmann::ordered_json classes = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < facts.by_class.size(); ++i)
      classes.push_back({{"name", images->classes()[i]}, {"images", facts.by_class[i]}});
    const nlohmann::ordered_json scaled =
        shorter_side > 0 ? nlohmann::ordered_json(shorter_side) : nullptr;
    const nlohmann::ordered_json out = {{"path", options.path},
                                        {"kind", images->kind()},
                                        {"split", images->split()},
                                        {"images", images->count()},
                                        {"bad", facts.bad},
                                        {"shorter_side", scaled},
                                        {"height", lengths_json(facts.heights, facts.good)},
                                        {"width", lengths_json(facts.widths, facts.good)},
                                        {"classes", classes}};
    // Names may hold bytes that are no UTF-8.
    return fmt::print("{}\n", out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  fmt::print("{:<10} {}\n{:<10} {}\n{:<10} {}\n{:<10} {}\n", "kind", images->kind(), "split",
             images->split(), "images", images->count(), "bad", facts.bad);
  print_lengths("height", facts.heights, facts.good);
  print_lengths("width", facts.widths, facts.good);
  if (shorter_side > 0)
    fmt::print("{:<10} scaled down to a shorter side of {}\n", "larger", shorter_side);
  fmt::print("{:<10} {}\n\n{:>10}  {}\n", "classes", facts.by_class.size(), "images", "class");
  for (std::size_t i = 0; i < facts.by_class.size(); ++i)
    fmt::print("{:>10}  {}\n", facts.by_class[i], printable(images->classes()[i]));
}

void run_verify(const Options& options) {
  const train::SignalGuard signals;
  train::Log log(options.verbosity.level());
  const auto images = options.open();
  const auto bad = data::find_bad_images(*images, options.thread_count(), progress_of(log));
  log.clear();
  for (const data::BadImage& image : bad) fmt::print("{}\n", printable(image.reason));
  require<DataError>(bad.empty(), "[data] {}: {} of {} are bad.", options.path, bad.size(),
                     counted(static_cast<std::size_t>(images->count()), "image", "images"));
  fmt::print("{}: split {}, {}, all good\n", printable(options.path), images->split(),
             counted(static_cast<std::size_t>(images->count()), "image", "images"));
}

void add_common(CLI::App* command, Options& options) {
  command
      ->add_option("PATH", options.path,
                   "Images: a folder a class, train/ and val/ of such, CIFAR-10's or MNIST's "
                   "files, or a cache")
      ->required()
      ->check(not_empty());
  command->add_option("--split", options.split, "Which images; default train")
      ->check(CLI::IsMember({"train", "test"}));
  command->add_option("--threads", options.threads, "Threads; default 0: one a core")
      ->check(from_to(0, 1024));
}

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Prepare and check image data sets");
  data->footer("  seqpe_engine data prepare imagenet train.cache --shorter-side 256");
  data->require_subcommand(1);
  const auto options = std::make_shared<Options>();

  CLI::App* prepare = data->add_subcommand(
      "prepare", "Decode a data set into one file, from which training reads without decoding");
  prepare->footer(
      "  seqpe_engine data prepare imagenet train.cache --shorter-side 256\n"
      "  seqpe_engine data prepare imagenet val.cache --split test --bad-image skip\n"
      "  seqpe_engine data prepare cifar-10-batches-bin cifar.cache");
  add_common(prepare, *options);
  prepare->add_option("OUT", options->out, "The file to write; a cache that is there is replaced")
      ->required()
      ->check(not_empty());
  prepare
      ->add_option("--shorter-side", options->shorter_side,
                   "Pixels: images whose shorter side is longer are scaled down to it; default 0: "
                   "none is")
      ->check(from_to(0, 65535));
  prepare
      ->add_option("--bad-image", options->bad_image,
                   "What to do about an image that cannot be decoded; default refuse")
      ->check(CLI::IsMember({"skip", "refuse"}));
  options->verbosity.add_to(prepare);
  prepare->callback([options] { run_prepare(*options); });

  CLI::App* inspect = data->add_subcommand(
      "inspect", "Tell what a data set is: kind, images, their sizes, classes; decodes all of it");
  inspect->footer(
      "  seqpe_engine data inspect imagenet --split test\n"
      "  seqpe_engine data inspect train.cache --json");
  add_common(inspect, *options);
  inspect->add_flag("--json", options->json, "One JSON object on stdout");
  options->verbosity.add_to(inspect);
  inspect->callback([options] { run_inspect(*options); });

  CLI::App* verify = data->add_subcommand(
      "verify",
      "Decode every image of a split, or check a cache's checksums; name the bad ones, exit code 4 "
      "if there is one");
  verify->footer(
      "  seqpe_engine data verify imagenet\n"
      "  seqpe_engine data verify imagenet --split test\n"
      "  seqpe_engine data verify train.cache");
  add_common(verify, *options);
  options->verbosity.add_to(verify);
  verify->callback([options] { run_verify(*options); });
}

}  // namespace seqpe::tools
