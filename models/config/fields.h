// The parts of the schema.
#pragma once

#include <vector>

#include "models/config/config.h"

namespace seqpe::models {

void add_image_model(std::vector<config::Field>& fields, ModelConfig& model);
void add_image_data(std::vector<config::Field>& fields, DataConfig& data);
void add_image_evaluation(std::vector<config::Field>& fields, EvalConfig& eval);

}  // namespace seqpe::models
