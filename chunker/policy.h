// How a file becomes chunks: where it is cut, whether it is compressed, sealed and coded.
// A Policy travels (requests, inodes, directories) and is validated by whoever takes it in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/codec.h"
#include "base/limits.h"
#include "base/result.h"

namespace vortex::chunker {

enum class Cutting : std::uint8_t { fixed = 0, content = 1 };
constexpr Cutting max_enum_value(Cutting) { return Cutting::content; }

enum class Compression : std::uint8_t { none = 0, lz4 = 1, lz4_high = 2 };
constexpr Compression max_enum_value(Compression) { return Compression::lz4_high; }

enum class Sealing : std::uint8_t { none = 0, aes_256_gcm = 1 };
constexpr Sealing max_enum_value(Sealing) { return Sealing::aes_256_gcm; }

// fixed: every chunk but the last has `average` bytes; minimum and maximum are ignored.
// content: chunks of `average` bytes in the mean, none but the last below `minimum`, none above `maximum`.
struct CutPolicy {
  Cutting kind = Cutting::fixed;
  std::uint32_t minimum = kChunkSizeDefault;
  std::uint32_t average = kChunkSizeDefault;
  std::uint32_t maximum = kChunkSizeDefault;

  static CutPolicy fixed(std::uint32_t size) { return {Cutting::fixed, size, size, size}; }
  // A quarter and four times the average (within kChunkSizeMax) as the bounds.
  static CutPolicy content(std::uint32_t average);

  bool operator==(const CutPolicy&) const = default;
  VORTEX_FIELDS(kind, minimum, average, maximum)
};

// `data` + `parity` shards; 0 + 0 means whole copies.
struct CodePolicy {
  std::uint8_t data = 0;
  std::uint8_t parity = 0;

  bool coded() const { return data != 0; }
  int shards() const { return data + parity; }
  bool operator==(const CodePolicy&) const = default;
  VORTEX_FIELDS(data, parity)
};

inline constexpr int kDataShardsMax = 32;
inline constexpr int kParityShardsMax = 16;
static_assert(kDataShardsMax + kParityShardsMax <= 255, "a shard's row of the Cauchy matrix must exist in GF(256)");

struct Policy {
  CutPolicy cut;
  Compression compression = Compression::lz4;
  Sealing sealing = Sealing::none;
  CodePolicy code;

  bool operator==(const Policy&) const = default;
  VORTEX_FIELDS(cut, compression, sealing, code)
};

Status validate(const CutPolicy& cut);
Status validate(const CodePolicy& code);
// `bad_config`, naming the setting and what it may be.
Status validate(const Policy& policy);

// Settings as people type them: cut=fixed|content, chunk=4MiB (fixed size or average), chunk-min=1MiB and
// chunk-max=8MiB (of a content-defined cut; cut and chunk set them anew), compression=none|lz4|lz4-high,
// sealing=none|aes-256-gcm, code=none|4+2. The result is valid, or the error says what is wrong.
Result<Policy> with_setting(Policy policy, std::string_view name, std::string_view value);
// "cut=content chunk=1MiB compression=lz4 sealing=none code=none"; the bounds, too, where they are not those that
// follow from the average. with_setting() of these in their order makes a policy that cuts alike.
std::string to_string(const Policy& policy);
const char* name_of(Cutting cutting);
const char* name_of(Compression compression);
const char* name_of(Sealing sealing);

}  // namespace vortex::chunker
