// Records on their way to disk: a queue, and lanes that each write to a segment of their own.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/env.h"
#include "base/event.h"
#include "base/task_group.h"
#include "wal/value_store/catalog.h"
#include "wal/value_store/options.h"
#include "wal/value_store/segment_files.h"
#include "wal/value_store/space.h"
#include "wal/value_store/syncer.h"

namespace vortex::wal::values {

// What the lanes share with the store they write for.
struct Books {
  Books(Env& e, const ValueStoreOptions& o, std::string d, Catalog& c, SegmentFiles& f, Syncer& s, Space& sp)
      : env(e), options(o), directory(std::move(d)), catalog(c), files(f), syncer(s), space(sp) {}

  Env& env;
  const ValueStoreOptions& options;
  std::string directory;
  Catalog& catalog;
  SegmentFiles& files;
  Syncer& syncer;
  Space& space;
  StoreId store{};
  std::uint64_t epoch = 0;
  std::uint32_t next_segment = 1;
  // Since the last index checkpoint: what a restart would have to read.
  std::uint64_t tail_records = 0, tail_bytes = 0;
  std::function<void()> on_tail;  // called when one of them grew
  std::function<void(const Error&)> on_failed_sync;
  // A write that failed could not be undone: memory and disk disagree from here on.
  std::function<void(const Error&)> on_disagreement;

  std::string path(const std::string& name) const { return directory + "/" + name; }
};

// One record to write. It lives in the frame of whoever waits for it.
struct Append {
  explicit Append(Loop& loop) : parking(loop) {}
  RecordHeader header;
  std::vector<std::uint64_t> sums;
  ByteView value;
  std::optional<Status> outcome;
  Parking parking;
};

// Writes batches, one at a time, to the end of its segment, and takes a new segment when that one is full.
class Lane {
 public:
  explicit Lane(Books& books) : books_(books) {}
  // All of the records or none; those written are in the catalog when it returns. After an error the segment is cut
  // back to what it was: a record that was refused must not turn up at the next start.
  Task<Status> write(std::span<Append* const> batch);
  // What was written becomes an ordinary segment, once the write under way has ended.
  void seal();
  const std::shared_ptr<Segment>& segment() const { return segment_; }

 private:
  Task<Status> open_segment();
  Task<Status> write_to(std::shared_ptr<Segment> segment, std::span<Append* const> batch);
  Task<Status> take_back(std::shared_ptr<Segment> segment, bool file_is_new);

  Books& books_;
  std::shared_ptr<Segment> segment_;
  bool writing_ = false, seal_wanted_ = false;
};

class Appender {
 public:
  explicit Appender(Books& books);
  // Waits until it is written, not longer and not shorter: a cancelled caller too.
  Task<Status> append(Append& record);
  std::size_t queued() const { return queue_.size(); }
  // Finishes what is being written, fails the rest with `closed`.
  Task<void> stop();
  void seal_all();

 private:
  static constexpr std::size_t kBatchBytes = kMiB;
  static constexpr std::size_t kBatchRecords = 384;
  // A lane busy with less than this will soon be back for what is queued.
  static constexpr std::size_t kQuickBytes = 256 * kKiB;

  Task<void> run(Lane& lane);
  std::vector<Append*> take();
  void fail_queue();

  std::deque<Append*> queue_;
  std::size_t queued_bytes_ = 0;
  std::size_t idle_ = 0;   // lanes that wait
  std::size_t quick_ = 0;  // lanes busy with little
  bool stopping_ = false;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Event work_;
  TaskGroup group_;
};

}  // namespace vortex::wal::values
