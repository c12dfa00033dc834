// What concurrent clients of records did and saw: the input of the checker of linearizability.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "dht/records.h"

namespace vortex::dht {

// Every value that is written says which operation wrote it: the first eight bytes, unique in the history.
std::uint64_t writer_of(const ByteVector& value);

struct HistoryRead {
  Key key;
  std::optional<Record> seen;
};

struct HistoryOperation {
  enum class End : std::uint8_t { under_way, done, refused, nothing, unknown };
  static constexpr Duration kNever = Duration::max();

  std::uint64_t number = 0;  // unique, not 0; what its values begin with
  std::uint64_t client = 0;
  Duration called{0};
  Duration returned = kNever;
  End end = End::under_way;
  // A get or a scan: what was seen, as of one moment.
  std::vector<HistoryRead> reads;
  // A commit.
  Batch batch;
  Commit commit;

  bool is_read() const { return batch.writes.empty() && batch.conditions.empty(); }
  // It may have happened though nobody said so.
  bool open() const { return end == End::unknown || end == End::under_way; }
  std::string text() const;
};

// Time is the world's. Operations that never returned stay open.
class History {
 public:
  std::size_t call_read(std::uint64_t client, Duration now);
  // Gives the batch's values their number first: see stamp().
  std::size_t call_commit(std::uint64_t client, Duration now, Batch batch);
  std::uint64_t next_number() const { return operations_.size() + 1; }
  // The value that operation `number` writes; `salt` makes its values differ.
  static ByteVector value(std::uint64_t number, std::uint64_t salt, std::size_t size = 16);

  void read(std::size_t operation, Duration now, std::vector<HistoryRead> reads);
  void committed(std::size_t operation, Duration now, const Result<Commit>& result);
  void failed(std::size_t operation, Duration now);

  const std::vector<HistoryOperation>& operations() const { return operations_; }
  std::size_t size() const { return operations_.size(); }

 private:
  std::vector<HistoryOperation> operations_;
};

}  // namespace vortex::dht
