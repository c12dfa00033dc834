#include "tools/cli/text_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/check.h"

namespace vortex {

namespace {
bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }
bool control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::string with_decimals(double value, const char* unit) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.1f%s", value, unit);
  return text.data();
}
}  // namespace

std::size_t text_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return starts_character(c) && !control(c); }));
}

void TextTable::column(std::string title, Align align) {
  CHECK(rows_.empty());
  std::size_t width = text_width(title);
  columns_.push_back(Column{std::move(title), align, width});
}

void TextTable::row(std::vector<std::string> cells) {
  CHECK(cells.size() == columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::erase_if(cells[i], control);
    columns_[i].width = std::max(columns_[i].width, text_width(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

std::string TextTable::to_text() const {
  if (rows_.empty()) return {};
  std::string text;
  auto line = [&](const auto& cell_of) {
    std::string whole;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& cell = cell_of(i);
      std::string fill(columns_[i].width - text_width(cell), ' ');
      if (i > 0) whole += "  ";
      whole += columns_[i].align == Align::right ? fill + cell : cell + fill;
    }
    whole.erase(whole.find_last_not_of(' ') + 1);
    text += whole + "\n";
  };
  line([this](std::size_t i) -> const std::string& { return columns_[i].title; });
  for (const auto& cells : rows_) line([&cells](std::size_t i) -> const std::string& { return cells[i]; });
  return text;
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 7> kUnits = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // What would be shown as 1024.0 is one of the next.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? std::to_string(bytes) + kUnits[0] : with_decimals(value, kUnits[unit]);
}

std::string human_share(double share) { return with_decimals(100 * share, "%"); }

std::string human_age(std::uint64_t seconds) {
  struct Unit {
    std::uint64_t seconds;
    const char* name;
  };
  constexpr std::array<Unit, 4> kUnits = {Unit{86'400, "d"}, Unit{3'600, "h"}, Unit{60, "m"}, Unit{1, "s"}};
  for (std::size_t i = 0; i + 1 < kUnits.size(); ++i) {
    if (seconds < kUnits[i].seconds) continue;
    std::uint64_t rest = seconds % kUnits[i].seconds / kUnits[i + 1].seconds;
    std::string text = std::to_string(seconds / kUnits[i].seconds) + kUnits[i].name;
    return rest == 0 ? text : text + " " + std::to_string(rest) + kUnits[i + 1].name;
  }
  return std::to_string(seconds) + "s";
}

std::string bar(double share, std::size_t width) {
  constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  share = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0;
  auto eighths = static_cast<std::size_t>(std::lround(share * static_cast<double>(8 * width)));
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) text += "█";
  text += kEighths[eighths % 8];
  text += std::string(width - (eighths + 7) / 8, ' ');
  return text;
}

}  // namespace vortex
