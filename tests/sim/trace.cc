#include "tests/sim/trace.h"

#include <bit>
#include <cstdio>

#include "base/bytes.h"
#include "base/hash.h"

namespace vortex::sim {

std::string_view to_string(Happening kind) {
  static constexpr std::string_view kNames[] = {
      "timer",  "pool",      "disk",   "dial",    "refused", "opened",  "arrived", "reset", "started",   "exited",
      "killed", "power cut", "paused", "resumed", "clock",   "buggify", "fault",   "log",   "violation", "note"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(Happening::note) + 1);
  return kNames[static_cast<std::size_t>(kind)];
}

std::string time_text(Duration at) {
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%09lld", static_cast<long long>(at.count() / 1'000'000'000),
                static_cast<long long>(at.count() % 1'000'000'000));
  return text;
}

void Trace::mix(std::uint64_t word) { hash_ = std::rotl((hash_ ^ word) * 0x9e3779b97f4a7c15, 29) * 0xbf58476d1ce4e5b9; }

void Trace::mix_head(Duration at, Happening kind, std::uint32_t machine) {
  ++events_;
  mix(static_cast<std::uint64_t>(at.count()));
  mix(static_cast<std::uint64_t>(kind) << 32 | machine);
}

void Trace::add(Duration at, Happening kind, std::uint32_t machine, std::uint64_t a, std::uint64_t b) {
  mix_head(at, kind, machine);
  mix(a);
  mix(b);
  if (hashes_) hashes_->push_back(hash_);
  if (sink_) write(at, kind, machine, std::to_string(a) + " " + std::to_string(b));
}

void Trace::add(Duration at, Happening kind, std::uint32_t machine, std::string_view text, std::string_view shown) {
  mix_head(at, kind, machine);
  mix(xxh3(as_bytes(text)));
  if (hashes_) hashes_->push_back(hash_);
  if (sink_) write(at, kind, machine, shown);
}

void Trace::write(Duration at, Happening kind, std::uint32_t machine, std::string_view text) {
  std::string line = time_text(at) + " ";
  line.append(machine == 0 ? "world" : "m" + std::to_string(machine)).append(" ").append(to_string(kind));
  line.append(" ").append(text);
  sink_(line);
}

}  // namespace vortex::sim
