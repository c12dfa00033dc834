// Linearizable records, as everybody above sees them: an ordered map, cut into partitions that agree within themselves.
// How they agree, and where they are, is no concern of whoever uses this.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"

namespace vortex::dht {

// Grows with every change of a record and is never used again, also when the record is deleted and made anew.
// 0 is the version of a record that is not there.
using Version = std::uint64_t;

// Keys of one place live in one partition, in the order of their names. A directory is a place; so is a chunk.
struct Key {
  Id place;
  ByteVector name;
  auto operator<=>(const Key&) const = default;
  VORTEX_FIELDS(place, name)
};

struct Record {
  Key key;
  Version version = 0;
  ByteVector value;
  VORTEX_FIELDS(key, version, value)
};

enum class Must : std::uint8_t {
  have_version,  // the record has exactly this version; 0: it is not there
  exist,         // in whatever version
  range_empty,   // no record of the place has a name in [key.name, end); an empty end means the end of the place
};
constexpr Must max_enum_value(Must) { return Must::range_empty; }

struct Condition {
  Key key;
  Must must = Must::have_version;
  Version version = 0;
  ByteVector end;
  VORTEX_FIELDS(key, must, version, end)
};

struct Write {
  Key key;
  std::optional<ByteVector> value;  // none: the record is deleted, which is no error where there is none
  VORTEX_FIELDS(key, value)
};

// If all conditions hold, all writes happen; otherwise none does. Keys may lie in different partitions: then it is a
// transaction, with the same meaning and more round trips. No key is written twice.
struct Batch {
  std::vector<Condition> conditions;
  std::vector<Write> writes;
  VORTEX_FIELDS(conditions, writes)
};

struct Commit {
  bool done = false;
  // Done: the new version of each write (of a deletion: one that is higher than any the record had).
  std::vector<Version> versions;
  // Not done: the first condition that did not hold, and what was there instead (of a range: its first record).
  std::uint32_t failed = 0;
  std::optional<Record> found;
  VORTEX_FIELDS(done, versions, failed, found)
};

struct Page {
  std::vector<Record> records;
  // Where to go on; empty after the last record.
  ByteVector next;
  VORTEX_FIELDS(records, next)
};

struct ScanLimits {
  std::uint32_t records = 1000;
  std::uint32_t bytes = 256 * 1024;
};

// Every call is linearizable and is retried inside until it succeeds or the timeout passes. Errors: `busy` and
// `timed_out` say that nothing happened; `outcome_unknown` (of commit) that it cannot be known whether something did.
class Records {
 public:
  virtual ~Records() = default;
  virtual Task<Result<std::optional<Record>>> get(Key key, Duration timeout) = 0;
  // Records of the place with names in [from, end), in order, as of one moment a page. An empty `end` is the end of
  // the place.
  virtual Task<Result<Page>> scan(Id place, ByteVector from, ByteVector end, ScanLimits limits, Duration timeout) = 0;
  virtual Task<Result<Commit>> commit(Batch batch, Duration timeout) = 0;
};

}  // namespace vortex::dht
