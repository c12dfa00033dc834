#include "base/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace vortex {

namespace {
struct Unit {
  std::string_view name;
  std::uint64_t scale;
};

// From large to small.
constexpr std::array kDurations = {
    Unit{"d", 86'400'000'000'000},
    Unit{"h", 3'600'000'000'000},
    Unit{"m", 60'000'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"ms", 1'000'000},
    Unit{"us", 1'000},
    Unit{"ns", 1},
};
constexpr std::uint64_t binary(int power) { return std::uint64_t(1) << 10 * power; }
constexpr std::array kSizes = {
    Unit{"EiB", binary(6)}, Unit{"PiB", binary(5)}, Unit{"TiB", binary(4)}, Unit{"GiB", binary(3)},
    Unit{"MiB", binary(2)}, Unit{"KiB", binary(1)}, Unit{"B", 1},
};
constexpr std::array kMoreSizes = {
    Unit{"EB", 1'000'000'000'000'000'000},
    Unit{"PB", 1'000'000'000'000'000},
    Unit{"TB", 1'000'000'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"MB", 1'000'000},
    Unit{"KB", 1'000},
    Unit{"kB", 1'000},
    Unit{"K", binary(1)},
    Unit{"M", binary(2)},
    Unit{"G", binary(3)},
    Unit{"T", binary(4)},
};

constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  auto found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? nullptr : &*found;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes digits, and more behind a point, from the front: the number in units of `scale` once the unit is known.
struct Number {
  std::uint64_t whole = 0;
  std::uint64_t part = 0;  // of part_scale
  std::uint64_t part_scale = 1;
};
bool take_number(std::string_view& text, Number& number) {
  auto whole_end = std::from_chars(text.data(), text.data() + text.size(), number.whole);
  if (text.empty() || !is_digit(text[0]) || whole_end.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(whole_end.ptr - text.data()));
  if (!text.starts_with('.')) return true;
  text.remove_prefix(1);
  if (text.empty() || !is_digit(text[0])) return false;
  for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1)) {
    if (number.part_scale >= 1'000'000'000) continue;  // nobody means more digits than that
    number.part = number.part * 10 + static_cast<std::uint64_t>(text[0] - '0');
    number.part_scale *= 10;
  }
  return true;
}

// False when it does not fit.
bool scaled(const Number& number, std::uint64_t scale, std::uint64_t& out) {
  auto value = static_cast<unsigned __int128>(number.whole) * scale +
               static_cast<unsigned __int128>(number.part) * scale / number.part_scale;
  out = static_cast<std::uint64_t>(value);
  return value <= kLargest;
}

std::string_view take_word(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && !is_digit(text[end])) ++end;
  std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

// In the largest unit that it is a whole multiple of.
std::string shortest(std::span<const Unit> units, std::uint64_t value) {
  for (const Unit& unit : units)
    if (value >= unit.scale && value % unit.scale == 0) return std::to_string(value / unit.scale).append(unit.name);
  return "0" + std::string(units.back().name);
}
}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  Error wrong(Code::invalid_argument,
              "\"" + std::string(text) + "\" is not a duration; write 300ms, 10s, 5m, 1h30m or 2d");
  if (text == "0") return Duration(0);
  if (text.empty()) return wrong;
  std::uint64_t sum = 0;
  while (!text.empty()) {
    Number number;
    std::uint64_t term = 0;
    if (!take_number(text, number)) return wrong;
    const Unit* unit = find_unit(kDurations, take_word(text));
    if (unit == nullptr || !scaled(number, unit->scale, term) || term > kLargest - sum) return wrong;
    sum += term;
  }
  return Duration(static_cast<std::int64_t>(sum));
}

std::string format_duration(Duration duration) {
  return shortest(kDurations, static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  Error wrong(Code::invalid_argument, "\"" + std::string(text) + "\" is not a size; write 4096, 64KiB, 1.5GiB or 2TB");
  Number number;
  std::uint64_t bytes = 0;
  if (!take_number(text, number)) return wrong;
  const Unit* unit = find_unit(kSizes, text.empty() ? "B" : text);
  if (unit == nullptr) unit = find_unit(kMoreSizes, text);
  if (unit == nullptr || !scaled(number, unit->scale, bytes)) return wrong;
  return bytes;
}

std::string format_size(std::uint64_t bytes) { return shortest(kSizes, bytes); }

}  // namespace vortex
