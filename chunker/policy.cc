#include "chunker/policy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

namespace vortex::chunker {
namespace {

Error bad(std::string_view setting, std::string_view why) {
  return Error(Code::bad_config, std::string(setting) + ": " + std::string(why));
}

template <class T>
std::optional<T> whole_number(std::string_view text, std::string_view* rest = nullptr) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  std::string_view left = text.substr(static_cast<std::size_t>(end - text.data()));
  if (rest != nullptr) {
    *rest = left;
  } else if (!left.empty()) {
    return std::nullopt;
  }
  return value;
}

// "4MiB", "64 KiB", "65536".
std::optional<std::uint32_t> byte_count(std::string_view text) {
  std::string_view unit;
  auto number = whole_number<std::uint32_t>(text, &unit);
  if (!number) return std::nullopt;
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  std::uint64_t factor = unit.empty() || unit == "B" ? 1 : unit == "KiB" ? kKiB : unit == "MiB" ? kMiB : 0;
  std::uint64_t value = *number * factor;
  if (factor == 0 || value > kChunkSizeMax) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

std::string byte_text(std::uint32_t count) {
  if (count % kMiB == 0) return std::to_string(count / kMiB) + "MiB";
  if (count % kKiB == 0) return std::to_string(count / kKiB) + "KiB";
  return std::to_string(count);
}

template <class E>
std::optional<E> named(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(max_enum_value(E())); ++i)
    if (text == name_of(static_cast<E>(i))) return static_cast<E>(i);
  return std::nullopt;
}

Result<CodePolicy> parse_code(std::string_view text) {
  if (text == "none") return CodePolicy();
  std::size_t plus = text.find('+');
  if (plus == std::string_view::npos) return bad("code", "must be none or like 4+2");
  auto data = whole_number<std::uint8_t>(text.substr(0, plus));
  auto parity = whole_number<std::uint8_t>(text.substr(plus + 1));
  if (!data || !parity || *data == 0) return bad("code", "must be none or like 4+2");
  CodePolicy code{*data, *parity};
  RETURN_IF_ERROR(validate(code));
  return code;
}

}  // namespace

CutPolicy CutPolicy::content(std::uint32_t average) {
  constexpr auto kMost = static_cast<std::uint32_t>(kChunkSizeMax), kLeast = static_cast<std::uint32_t>(kChunkSizeMin);
  return {Cutting::content, std::max(average / 4, kLeast), average, average > kMost / 4 ? kMost : average * 4};
}

Status validate(const CutPolicy& cut) {
  if (cut.average < kChunkSizeMin || cut.average > kChunkSizeMax)
    return bad("chunk",
               "must be from " + std::to_string(kChunkSizeMin) + " to " + std::to_string(kChunkSizeMax) + " bytes");
  if (cut.kind == Cutting::fixed) return {};
  if (!std::has_single_bit(cut.average))
    return bad("chunk", "the average of content-defined chunks must be a power of two");
  if (cut.minimum < kChunkSizeMin || cut.minimum > cut.average / 2)
    return bad("chunk-min", "must be from " + std::to_string(kChunkSizeMin) + " bytes to half of the average");
  if (cut.maximum > kChunkSizeMax || cut.maximum / 2 < cut.average)
    return bad("chunk-max", "must be from twice the average to " + std::to_string(kChunkSizeMax) + " bytes");
  return {};
}

Status validate(const CodePolicy& code) {
  if (code.data == 0 && code.parity == 0) return {};
  if (code.data == 0 || code.data > kDataShardsMax)
    return bad("code", "data shards must be from 1 to " + std::to_string(kDataShardsMax));
  if (code.parity == 0 || code.parity > kParityShardsMax)
    return bad("code", "parity shards must be from 1 to " + std::to_string(kParityShardsMax));
  return {};
}

Status validate(const Policy& policy) {
  RETURN_IF_ERROR(validate(policy.cut));
  return validate(policy.code);
}

Result<Policy> with_setting(Policy policy, std::string_view name, std::string_view value) {
  if (name == "cut") {
    auto kind = named<Cutting>(value);
    if (!kind) return bad("cut", "must be fixed or content");
    bool content = *kind == Cutting::content;
    // The size stays where it can: an average is a power of two, and the maximum is above it.
    if (content && policy.cut.kind == Cutting::fixed)
      policy.cut = CutPolicy::content(std::min<std::uint32_t>(std::bit_floor(policy.cut.average), kChunkSizeMax / 2));
    if (!content) policy.cut = CutPolicy::fixed(policy.cut.average);
  } else if (name == "chunk") {
    auto size = byte_count(value);
    if (!size) return bad("chunk", "must be a size like 4MiB, at most " + byte_text(kChunkSizeMax));
    policy.cut = policy.cut.kind == Cutting::content ? CutPolicy::content(*size) : CutPolicy::fixed(*size);
  } else if (name == "chunk-min" || name == "chunk-max") {
    auto size = byte_count(value);
    if (!size) return bad(name, "must be a size like 1MiB, at most " + byte_text(kChunkSizeMax));
    if (policy.cut.kind != Cutting::content) return bad(name, "is a bound of content-defined chunks: cut=content");
    (name == "chunk-min" ? policy.cut.minimum : policy.cut.maximum) = *size;
  } else if (name == "compression") {
    auto compression = named<Compression>(value);
    if (!compression) return bad("compression", "must be none, lz4 or lz4-high");
    policy.compression = *compression;
  } else if (name == "sealing") {
    auto sealing = named<Sealing>(value);
    if (!sealing) return bad("sealing", "must be none or aes-256-gcm");
    policy.sealing = *sealing;
  } else if (name == "code") {
    ASSIGN_OR_RETURN(policy.code, parse_code(value));
  } else {
    return bad(name, "no such setting; there are cut, chunk, chunk-min, chunk-max, compression, sealing and code");
  }
  RETURN_IF_ERROR(validate(policy));
  return policy;
}

std::string to_string(const Policy& policy) {
  const CutPolicy& cut = policy.cut;
  std::string bounds;
  if (cut.kind == Cutting::content) {
    const CutPolicy usual = CutPolicy::content(cut.average);
    if (cut.minimum != usual.minimum) bounds += " chunk-min=" + byte_text(cut.minimum);
    if (cut.maximum != usual.maximum) bounds += " chunk-max=" + byte_text(cut.maximum);
  }
  std::string code = "none";
  if (policy.code.coded()) code = std::to_string(policy.code.data) + "+" + std::to_string(policy.code.parity);
  return std::string("cut=") + name_of(cut.kind) + " chunk=" + byte_text(cut.average) + bounds +
         " compression=" + name_of(policy.compression) + " sealing=" + name_of(policy.sealing) + " code=" + code;
}

const char* name_of(Cutting cutting) { return cutting == Cutting::fixed ? "fixed" : "content"; }

const char* name_of(Compression compression) {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::lz4:
      return "lz4";
    case Compression::lz4_high:
      return "lz4-high";
  }
  return "?";
}

const char* name_of(Sealing sealing) { return sealing == Sealing::none ? "none" : "aes-256-gcm"; }

}  // namespace vortex::chunker
