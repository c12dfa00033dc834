// The whole state of a partition as a row of items, for checkpoints and for snapshots: the tables in parts, then every
// record in order, then the end with their number.
#pragma once

#include <cstdint>

#include "dht/partition/partition.h"
#include "dht/partition/value_files.h"

namespace vortex::dht {

inline constexpr std::uint32_t kStateFormat = 1;

void write_tables(const ByteVector& tables, ByteVector& out);
void write_record(const KeyView& key, Version version, ByteView value, bool elsewhere, ByteVector& out);
void write_end(std::uint64_t records, ByteVector& out);

// Puts the state together from bytes that come in pieces of any size.
class StateReader {
 public:
  explicit StateReader(Partition& partition) : partition_(partition) {}
  // A record with a large value, on its way into the partition: whoever reads puts it into files first.
  struct LargeRecord {
    Key key;
    Version version = 0;
    ByteVector value;
  };

  // Values over `in_memory_max` are kept back. `damaged`: it makes no sense.
  Status feed(ByteView bytes, std::size_t in_memory_max);
  std::vector<LargeRecord> take_large() { return std::move(large_); }
  // Nothing is missing and nothing is left over.
  Status finish();

 private:
  Status take_item(ByteView item, std::size_t in_memory_max);
  Status take_tables();
  Status take_record(ByteView item, std::size_t in_memory_max);

  Partition& partition_;
  ByteVector rest_;  // the first part of an item
  ByteVector tables_;
  std::vector<LargeRecord> large_;
  std::uint64_t records_ = 0;
  Key last_;
  bool tables_taken_ = false;
  bool ended_ = false;
};

}  // namespace vortex::dht
