// AdamW as Loshchilov and Hutter write it (Algorithm 2), one parameter.
#pragma once

#include <cmath>

namespace seqpe::reference {

struct Adamw {
  double learning_rate, beta1, beta2, eps, weight_decay;
  double value, m = 0, v = 0;
  int step = 0;

  void update(double gradient) {
    ++step;
    value -= learning_rate * weight_decay * value;
    m = beta1 * m + (1 - beta1) * gradient;
    v = beta2 * v + (1 - beta2) * gradient * gradient;
    const double m_hat = m / (1 - std::pow(beta1, step));
    const double v_hat = v / (1 - std::pow(beta2, step));
    value -= learning_rate * m_hat / (std::sqrt(v_hat) + eps);
  }
};

}  // namespace seqpe::reference
