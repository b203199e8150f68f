// Checks the error that a statement throws, word for word.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "kernels/common/error.h"

namespace seqpe::test {

/// Runs `statement` and returns the message of the E that it must throw.
template <typename E = Error>
std::string error_of(const std::function<void()>& statement) {
  try {
    statement();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "an error of another class: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

/// Runs `statement` and compares the message of the E that it must throw.
template <typename E = Error>
void expect_error(const std::function<void()>& statement, const std::string& message) {
  EXPECT_EQ(error_of<E>(statement), message);
}

/// Runs `statement`; the message of the E that it must throw holds `part`.
template <typename E = Error>
void expect_error_with(const std::function<void()>& statement, const std::string& part) {
  const std::string message = error_of<E>(statement);
  EXPECT_NE(message.find(part), std::string::npos) << message << "\nexpected " << part;
}

}  // namespace seqpe::test
