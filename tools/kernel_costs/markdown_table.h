// Tables on stdout.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace seqpe::costs {

/// Rows of cells as a Markdown table whose columns are aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { add(std::move(head)); }
  void add(std::vector<std::string> cells) {
    widths_.resize(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths_[i] = std::max(widths_[i], cells[i].size());
    rows_.push_back(std::move(cells));
  }
  void print() const {
    for (std::size_t row = 0; row < rows_.size(); ++row) {
      for (std::size_t i = 0; i < widths_.size(); ++i)
        fmt::print("| {:<{}} ", rows_[row][i], widths_[i]);
      fmt::print("|\n");
      if (row > 0) continue;
      for (const std::size_t width : widths_) fmt::print("|{:-<{}}", "", width + 2);
      fmt::print("|\n");
    }
  }

 private:
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace seqpe::costs
