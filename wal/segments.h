// The files of the log: those in use in their order, those ready to become the next one.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/env.h"
#include "wal/newest.h"
#include "wal/options.h"
#include "wal/owners.h"

namespace vortex::wal {

struct Slot {
  std::string name;
  std::unique_ptr<File> file;
  std::uint64_t bytes = 0;
};

// "000012.wal"
std::string slot_name(std::uint64_t number);
// Nothing for any other name.
std::optional<std::uint64_t> slot_number(std::string_view name);
inline constexpr std::string_view kUnfinishedSuffix = ".new";

class Segments final : public SegmentNeeds {
 public:
  Segments(Env& env, std::string directory, const Options& options);

  // In ascending order.
  void adopt_live(SegmentId id, Slot slot);
  // One of another size than new segments have is removed.
  void adopt_spare(Slot slot);
  // Names from here on are free.
  void set_next_slot(std::uint64_t number) { next_slot_ = number; }

  const std::string& directory() const { return directory_; }
  SegmentId oldest() const { return live_.front().id; }
  SegmentId current() const { return live_.back().id; }
  std::size_t live() const { return live_.size(); }
  std::size_t spares() const { return spares_.size(); }
  // Of a segment in use, or of the spare that will be current() + 1.
  Slot& slot(SegmentId id);

  bool has_spare() const { return !spares_.empty(); }
  // Told of every segment from the next one on. May be null.
  void keep_note(std::unique_ptr<NewestNote> note) { note_ = std::move(note); }
  // The first group of a segment is durable.
  Task<Status> note_newest(SegmentId segment);
  bool full() const { return live_.size() >= options_.live_segments_max; }
  // The first spare is the current segment from now on.
  void open_next();

  void need(SegmentId segment) override { ++at(segment).owners; }
  void release(SegmentId segment) override;
  // The oldest segments that no owner needs are no longer in use; they become spares when a group that says so
  // is durable: the one numbered `noted_by`. True when there were any.
  bool retire(std::uint64_t noted_by);
  void group_durable(std::uint64_t number);
  // While somebody reads old segments none is reused.
  void pin() { ++pins_; }
  void unpin();

  // Prepares spares when they are wanted and removes what is too much, until cancelled. `changed` is called whenever
  // a spare has come or could not be made.
  Task<void> keep_spares(std::function<void()> changed);
  // Asks for another attempt.
  void want_spare();
  bool preparing() const { return preparing_; }
  bool has_retired() const { return !retired_.empty(); }
  // Why the last attempt failed.
  const std::optional<Error>& spare_failure() const { return failure_; }
  // A file of zeros with its name durable: with its blocks written, syncing them later is twice as fast.
  Task<Result<Slot>> prepare();

 private:
  struct Live {
    SegmentId id = 0;
    Slot slot;
    std::size_t owners = 0;  // that need it
  };
  struct Retired {
    Slot slot;
    std::uint64_t noted_by = 0;
  };
  Live& at(SegmentId id);
  bool wants_spare() const { return spares_.size() + retired_.size() < options_.spares_min; }
  Task<Status> fill(std::string path, Slot& slot);
  Task<void> remove_one();
  void move_noted();

  Env& env_;
  const std::string directory_;
  const Options options_;
  std::deque<Live> live_;  // ids without a gap; the last one is current
  std::deque<Retired> retired_;
  std::deque<Slot> spares_;
  std::deque<Slot> condemned_;  // to be removed
  std::uint64_t next_slot_ = 0;
  std::uint64_t durable_ = 0;
  std::size_t pins_ = 0;
  bool preparing_ = false;
  bool asked_ = true;
  std::optional<Error> failure_;
  std::function<void()> changed_;
  std::unique_ptr<NewestNote> note_;
  Parking demand_;
};

}  // namespace vortex::wal
