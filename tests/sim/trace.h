// What happened in a world, as a running hash and, when asked for, as text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace vortex::sim {

enum class Happening : std::uint8_t {
  timer,
  pool,
  disk,
  dial,
  refused,
  opened,
  arrived,

  reset,
  started,
  exited,
  killed,
  power_cut,
  paused,
  resumed,
  clock,
  buggify,
  fault,
  log,
  violation,
  note,
};
std::string_view to_string(Happening kind);

class Trace {
 public:
  using Sink = std::function<void(std::string_view line)>;

  // Lines of text go there from now on; the hash does not depend on it.
  void set_sink(Sink sink) { sink_ = std::move(sink); }
  // Appends the hash after every event, to find where two runs part.
  void keep_hashes(std::vector<std::uint64_t>& into) { hashes_ = &into; }
  bool wanted() const { return sink_ != nullptr; }

  void add(Duration at, Happening kind, std::uint32_t machine, std::uint64_t a = 0, std::uint64_t b = 0);
  void add(Duration at, Happening kind, std::uint32_t machine, std::string_view text) {
    add(at, kind, machine, text, text);
  }
  // The first goes into the hash, the second is what people see.
  void add(Duration at, Happening kind, std::uint32_t machine, std::string_view text, std::string_view shown);

  // Equal for two runs that went the same way.
  std::uint64_t hash() const { return hash_; }
  std::uint64_t events() const { return events_; }

 private:
  void mix(std::uint64_t word);
  void mix_head(Duration at, Happening kind, std::uint32_t machine);
  void write(Duration at, Happening kind, std::uint32_t machine, std::string_view text);

  std::uint64_t hash_ = 0;
  std::uint64_t events_ = 0;
  Sink sink_;
  std::vector<std::uint64_t>* hashes_ = nullptr;
};

// "12.003400500": seconds of virtual time.
std::string time_text(Duration at);

}  // namespace vortex::sim
