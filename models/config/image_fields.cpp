// The keys of the schema that images need.
#include "models/config/fields.h"

namespace seqpe::models {

using config::Field;

void add_image_model(std::vector<Field>& fields, ModelConfig& model) {
  fields.push_back(config::integer("model.image", model.image,
                                   "of vit: height and width of training images, pixels", 1));
  fields.push_back(
      config::integer("model.patch", model.patch, "of vit: height and width of a patch", 1));
  fields.push_back(config::integer_or_auto("model.classes", model.classes,
                                           "of vit; auto: as many as the training data"));
  fields.push_back(config::number("model.drop_path", model.drop_path,
                                  "of vit: probability that a sequence's branch of the last block "
                                  "is dropped; it grows over the depth from 0",
                                  0.0, 0.99));
}

void add_image_data(std::vector<Field>& fields, DataConfig& data) {
  fields.push_back(config::enumeration("data.bad_image", data.bad_image, {"refuse", "skip"},
                                       "what becomes of an image that cannot be decoded"));
  fields.push_back(config::integer("data.workers", data.workers,
                                   "threads that prepare images; 0: the training's own", 0, 1024));
  AugmentConfig& augment = data.augment;
  fields.push_back(config::numbers("data.augment.crop_scale", augment.crop_scale, 2,
                                   "share of an image that a random crop takes, [least, most]; "
                                   "of model.image above 32"));
  fields.push_back(config::numbers("data.augment.crop_ratio", augment.crop_ratio, 2,
                                   "width over height of a random crop, [least, most]"));
  fields.push_back(config::integer("data.augment.pad", augment.pad,
                                   "pixels by which an image is moved at most, black beyond it; of "
                                   "model.image up to 32, which is not cropped otherwise",
                                   0, 32));
  fields.push_back(config::number("data.augment.flip", augment.flip,
                                  "probability that left and right are exchanged", 0.0, 1.0));
  fields.push_back(config::number("data.augment.color_jitter", augment.color_jitter,
                                  "by how much brightness, contrast and saturation may change; "
                                  "not with randaugment"));
  auto& rand_augment = augment.rand_augment;
  fields.push_back(config::integer("data.augment.randaugment.operations", rand_augment.operations,
                                   "drawn for an image; 0: no RandAugment"));
  fields.push_back(config::number("data.augment.randaugment.magnitude", rand_augment.magnitude,
                                  "their mean strength", 0.0, 10.0));
  fields.push_back(config::number("data.augment.randaugment.std", rand_augment.deviation,
                                  "its standard deviation"));
  fields.push_back(config::number("data.augment.randaugment.probability", rand_augment.probability,
                                  "of each to be applied", 0.0, 1.0));
  fields.push_back(config::number("data.augment.erasing", augment.erasing,
                                  "probability that a box becomes noise", 0.0, 1.0));
  fields.push_back(config::number("data.augment.mixup", augment.mixup,
                                  "alpha of mixup's Beta distribution; 0: no mixup"));
  fields.push_back(config::number("data.augment.cutmix", augment.cutmix,
                                  "alpha of CutMix's Beta distribution; 0: no CutMix"));
  fields.push_back(config::number("data.augment.switch", augment.switch_probability,
                                  "probability of CutMix where both are on", 0.0, 1.0));
  fields.push_back(config::number("data.augment.label_smoothing", augment.label_smoothing,
                                  "share of a label that goes to all classes alike", 0.0, 1.0));
}

void add_image_evaluation(std::vector<Field>& fields, EvalConfig& eval) {
  fields.push_back(
      config::texts("eval.sizes", eval.sizes, "list of pixels, N or ROWSxCOLUMNS",
                    "of vit; empty: model.image; the first one is evaluated while training",
                    [](const std::string& text) { return image_size_of(text).has_value(); }));
}

}  // namespace seqpe::models
