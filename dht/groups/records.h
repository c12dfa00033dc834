// What the groups keep in the log, and what a start makes of it. One owner a group: owner number = group + 1.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dht/raft/raft.h"
#include "wal/log.h"

namespace vortex::dht::groups {

using raft::GroupId;
using raft::Index;

enum class RecordKind : std::uint16_t {
  hard_state = 1,
  entry = 2,  // term (8), index (8), kind (1), then the command
  cut = 3,    // index (8): the log's end from there on is void
  base = 4,
  lost = 5,
};

// Where a replica's state begins: a checkpoint, and the log behind it.
struct Base {
  std::uint32_t group_epoch = 0;
  raft::Replica self;
  raft::HardState hard_state;
  Index index = 0;  // the last entry in the checkpoint
  raft::Term term = 0;
  raft::Configuration configuration;  // as of that entry
  std::uint64_t instance = 0;         // the directory of the machine
  std::uint64_t checkpoint = 0;       // the file in it; 0: the machine is empty
  bool discard = false;               // entries written before this record are void, not only those up to index
  VORTEX_FIELDS(group_epoch, self, hard_state, index, term, configuration, instance, checkpoint, discard)
};

// All that is kept of a damaged replica where the log has no room for its remains.
struct Lost {
  std::uint32_t group_epoch = 0;
  raft::Replica self;
  std::string why;
  VORTEX_FIELDS(group_epoch, self, why)
};

constexpr wal::OwnerId owner_of(GroupId group) { return wal::OwnerId(group) + 1; }

// Batches of entries as they lie in the log: where may it be cut when everything up to an index is elsewhere?
class EntryPlaces {
 public:
  void wrote(Index first, Index last, wal::Lsn at);
  void cut(Index from);
  void forget_to(Index index);
  void clear() { batches_.clear(); }
  // Where the first entry behind `index` may lie; nothing when there is none.
  std::optional<wal::Lsn> behind(Index index) const;

 private:
  struct Batch {
    Index last = 0;
    wal::Lsn at;
  };
  std::deque<Batch> batches_;  // by last, ascending
};

// A replica as the log tells it.
struct Image {
  std::optional<Base> base;
  raft::HardState hard_state;
  std::deque<raft::Entry> entries;  // without gaps; behind the base, where there is one
  EntryPlaces places;
  std::string damage;  // why it cannot be believed; empty when it can
  std::optional<Lost> lost;
};

// Gathers the images of all groups.
class ImageReader final : public wal::Replayer {
 public:
  Status record(const wal::StoredRecord& record) override;
  std::map<GroupId, Image>& images() { return images_; }

 private:
  static Status take(Image& image, const wal::StoredRecord& record);
  static Status take_entry(Image& image, const wal::StoredRecord& record);
  static Status take_base(Image& image, const wal::StoredRecord& record);
  std::map<GroupId, Image> images_;
};

// Records of one group to be written as one batch. They own what they point to, since a busy log takes it later.
class Batch {
 public:
  explicit Batch(GroupId group) : owner_(owner_of(group)) {}
  void add(const raft::HardState& hard_state) { add(RecordKind::hard_state, encode(hard_state)); }
  void add(const raft::Entry& entry);
  void add_cut(Index from);
  void add(const Base& base) { add(RecordKind::base, encode(base)); }
  void add(const Lost& lost) { add(RecordKind::lost, encode(lost)); }

  static std::size_t cost(const raft::Entry& entry);
  bool empty() const { return records_.empty(); }
  std::size_t bytes() const { return bytes_; }
  // Good as long as the batch stays where it is and nothing is added.
  std::vector<wal::Record> records() const;

 private:
  void add(RecordKind kind, ByteVector bytes);
  const wal::OwnerId owner_;
  std::vector<std::pair<RecordKind, ByteVector>> records_;
  std::size_t bytes_ = 0;
};

}  // namespace vortex::dht::groups
