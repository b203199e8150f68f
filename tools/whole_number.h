// What a program's option takes if that is a whole number.
#pragma once

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdint>
#include <string>

namespace seqpe::tools {

/// A number that `range` describes ("from 1 to 9") and `fits` knows, else an error that says so.
template <typename F>
CLI::Validator whole_number(const std::string& range, const F& fits) {
  return {[=](const std::string& text) {
            std::int64_t number = 0;
            errno = 0;  // lexical_cast clamps what no number of 64 bits holds
            const bool good =
                CLI::detail::lexical_cast(text, number) && errno != ERANGE && fits(number);
            return good ? std::string()
                        : fmt::format("must be a whole number {}, got '{}'", range, text);
          },
          "INT " + range};
}

inline CLI::Validator at_least(std::int64_t least) {
  return whole_number(fmt::format(">= {}", least), [=](auto number) { return number >= least; });
}

inline CLI::Validator from_to(std::int64_t least, std::int64_t most) {
  return whole_number(fmt::format("from {} to {}", least, most),
                      [=](auto number) { return number >= least && number <= most; });
}

}  // namespace seqpe::tools
