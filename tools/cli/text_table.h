// Columns for people: as wide as what stands in them, numbers to the right.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vortex {

// Characters that a text takes on a terminal (one for each code point; control characters none).
std::size_t text_width(std::string_view text);

class TextTable {
 public:
  enum class Align { left, right };
  void column(std::string title, Align align = Align::left);
  // As many cells as columns. Control characters in them are left out.
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Title line and rows, each ended by a newline. Without rows nothing.
  std::string to_text() const;

 private:
  struct Column {
    std::string title;
    Align align;
    std::size_t width;
  };
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// A size with one decimal: "1.5 TiB", "312 B".
std::string human_size(std::uint64_t bytes);
// "3.4%".
std::string human_share(double share);
// The two largest units: "3d 4h", "12m 5s", "0s".
std::string human_age(std::uint64_t seconds);
// So much of `width` as a bar: "█████▌    ". `share` of 1 fills it.
std::string bar(double share, std::size_t width);

}  // namespace vortex
