// Looks at a store's directory without opening it: what `vortex chunks inspect DIR` shows. Changes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/env.h"
#include "wal/value_store/format.h"
#include "wal/value_store/options.h"

namespace vortex::wal::values {

struct SegmentInspection {
  std::uint32_t number = 0;
  std::uint64_t epoch = 0;
  std::uint64_t bytes = 0;
  std::uint64_t values = 0, touches = 0, tombstones = 0, quarantines = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t live_values = 0, live_bytes = 0;
};

struct ValueInspection {
  Id id;
  std::uint64_t number = 0;  // CopyNumber::packed()
  std::uint32_t length = 0;
  std::uint16_t form = 0;
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
};

struct StoreInspection {
  std::string directory;
  std::string store;  // its id
  std::uint64_t epoch = 0;
  std::uint32_t version = 0;
  std::vector<SegmentInspection> segments;
  std::vector<ValueInspection> values;  // those that live, by id; as the records say, without the index
  std::uint32_t index_number = 0;
  std::uint64_t index_entries = 0;
  std::uint64_t quarantined_files = 0;
  std::vector<Damage> findings;  // unreadable regions and wrong bytes
};

struct InspectOptions {
  bool verify = true;  // also the values' checksums, not only the headers'
  InspectOptions() {}
};

// `not_found` when it is no value store. Damage is a finding, not an error.
Task<Result<StoreInspection>> inspect(Env& env, std::string directory, InspectOptions options = InspectOptions());
// A table of segments, the totals, and every finding.
std::string to_text(const StoreInspection& inspection);

}  // namespace vortex::wal::values
