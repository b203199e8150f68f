// Tensors that move to the device.
#include <gtest/gtest.h>

#include "engine/autograd/backward.h"
#include "engine/nn/module.h"
#include "engine/ops/elementwise.h"
#include "tests/support/tensor_compare.h"

namespace seqpe {
namespace {

class Doubler final : public nn::Module {
 public:
  Doubler() {
    weight = add_parameter("weight", {2}, DType::f32, nn::Init::ones());
    two = add_constant(Tensor::full({2}, 2.0));
  }
  Tensor weight, two;
};

TEST(TensorCuda, ParametersAndConstantsFollowTheirModule) {
  Doubler module;
  module.initialize(1);
  autograd::backward(ops::multiply(module.weight, module.two), Tensor::full({2}, 1.0));
  EXPECT_EQ(test::elements<float>(module.weight.grad()), (std::vector<float>{2, 2}));
  module.move_to(Device::cuda);
  EXPECT_EQ(module.two.device(), Device::cuda);
  EXPECT_FALSE(module.weight.grad().defined()) << "it lay on the other device";
  autograd::backward(ops::multiply(module.weight, module.two),
                     Tensor::full({2}, 3.0, DType::f32, Device::cuda));
  EXPECT_EQ(test::elements<float>(module.weight.grad().to(Device::cpu)),
            (std::vector<float>{6, 6}));
}

}  // namespace
}  // namespace seqpe
