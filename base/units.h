// Durations and sizes as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace vortex {

// "300ms", "1.5s", "10m", "1h30m", "2d"; units ns, us, ms, s, m, h, d. Only zero needs no unit. Never negative.
Result<Duration> parse_duration(std::string_view text);
// The shortest exact form that parse_duration reads.
std::string format_duration(Duration duration);

// "4096", "64KiB", "1.5GiB", "2TB"; units B, KiB … EiB (1024) and KB … EB (1000); K, M, G, T mean KiB and so on.
Result<std::uint64_t> parse_size(std::string_view text);
// The shortest exact form in binary units that parse_size reads: "64KiB", "1000B".
std::string format_size(std::uint64_t bytes);

}  // namespace vortex
