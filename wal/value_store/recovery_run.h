// One opening, step by step. Only for recovery*.cc.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wal/value_store/checkpoint.h"
#include "wal/value_store/recovery.h"
#include "wal/value_store/scanner.h"

namespace vortex::wal::values {

// The place of a record: a segment's number and an offset there.
struct Place {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  bool operator==(const Place&) const = default;
};
// What the tails say about one value.
struct TailState {
  struct Value {
    std::uint64_t number = 0;
    Location location;
    Place old;  // whose place it took
  };
  struct TouchSeen {
    std::uint64_t number = 0;
    Place value;
    std::uint32_t ordinal = 0;
  };
  std::uint64_t erased_to = 0;
  Place erased;  // the record that the highest erasure names
  std::vector<Value> values;
  std::vector<TouchSeen> touches;

  // The newest touch of the value there.
  const TouchSeen* touch_of(const Place& place) const {
    const TouchSeen* newest = nullptr;
    for (const TouchSeen& touch : touches)
      if (touch.value == place && (!newest || touch.number > newest->number)) newest = &touch;
    return newest;
  }
};

// Nothing when it is damaged.
Task<Result<std::optional<SegmentHeader>>> read_segment_header(File& file, std::uint64_t size);

class Recovery final : private CheckpointVisitor {
 public:
  explicit Recovery(StoreCore& core) : core_(core) {}

  Task<Result<OpenReport>> run();

 private:
  Task<Status> read_directory();
  Task<Status> read_store_file();
  Task<Status> find_store_id();
  Task<Status> load_index();
  Task<Status> open_segments();
  void give_missing_touches_a_home();
  // How many records lie behind what the index covers.
  Task<Result<std::uint64_t>> measure_tail(std::shared_ptr<Segment> segment);
  Task<Result<std::uint64_t>> find_durable_end(std::shared_ptr<Segment> segment, std::shared_ptr<File> file);
  Task<Status> read_tails(std::uint64_t records);
  Task<Status> read_tail(std::shared_ptr<Segment> segment);
  void take_gap(Segment& segment, const ScanItem& item);
  Task<Status> take_record(Segment& segment, SegmentScanner& scanner, const ScanItem& item);
  void take_erasure(Segment& segment, const RecordHeader& header);
  Task<Status> take_value(Segment& segment, SegmentScanner& scanner, const ScanItem& item);
  bool in_pass(const Id& id) const;
  void settle_lost();
  void reserve_for_tail();
  Task<Status> merge_pass();
  bool merge_new(const Id& id, const TailState& state);
  Task<Status> merge(Id id, TailState state);
  // Nothing when the copy's number cannot be read any more.
  Task<Result<std::optional<std::uint64_t>>> number_at(Id id, Location location);
  Task<Status> raise_epoch();
  Task<Status> make_durable();
  Task<Status> write_again(std::shared_ptr<Segment> segment, std::shared_ptr<File> file);
  Task<Status> write_header_again(Segment& segment, File& file);
  Task<Status> drop_empty_segments();
  void note(std::vector<Damage>& list, const Segment& segment, std::uint64_t offset, std::uint64_t length,
            std::optional<Id> id, std::string what);
  void forget_index();
  Status settle_early_items();

  Status head(const CheckpointHead& head) override;
  Status segment(const CheckpointSegment& described) override;
  Status entries(std::span<const ValueIndex::Entry> entries) override;
  Status touch(const CheckpointTouch& touch) override;

  StoreCore& core_;
  OpenReport report_;
  std::vector<std::uint32_t> segment_numbers_, index_numbers_;
  std::unordered_map<std::uint32_t, std::uint64_t> sizes_;  // of segment files, by number
  bool store_file_found_ = false;
  int epoch_slot_ = 0;
  std::uint64_t epoch_seen_ = 0;
  bool epoch_doubtful_ = false;                                     // one higher may have been in the damaged slot
  std::unordered_map<std::uint32_t, CheckpointSegment> described_;  // by number
  std::unordered_map<std::uint32_t, std::uint32_t> number_of_;      // by ordinal in the checkpoint
  std::vector<ValueIndex::Entry> early_entries_;
  std::vector<CheckpointTouch> early_touches_;
  bool index_read_ = false;
  // Of this pass: a store of any size is opened with a bounded number of these.
  std::unordered_map<Id, TailState> tail_;
  std::uint32_t pass_ = 0, passes_ = 1;
  // Entries of the checkpoint that are not in the catalog: their records lie in the tails, where they will be met
  // again, or went with a file. Those that the tails do not bear out are lost.
  struct Unplaced {
    Id id;
    Place place;
    std::uint64_t length = 0;
    bool file_gone = false;
  };
  std::vector<Unplaced> unplaced_;
  struct TailRange {
    std::uint64_t begin = 0, durable = 0;
    std::uint64_t unsure = 0;  // the first record not known to be durable; 0: there is none
  };
  std::unordered_map<std::uint32_t, TailRange> tails_;  // by number
};

}  // namespace vortex::wal::values
