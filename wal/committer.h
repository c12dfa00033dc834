// Group commit: batches are copied into the group that is being filled; whatever waits when the disk becomes free is
// written and synced as one.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "wal/group.h"
#include "wal/owners.h"
#include "wal/segments.h"

namespace vortex::wal {

// What is to be written: a batch of an owner's records, or a note about what it needs no more.
struct Request {
  RecordType type = RecordType::data;
  std::span<const Record> batch;  // data
  bool relief = false;            // data without which its owner could not truncate
  OwnerId owner = 0;              // otherwise
  Lsn before;
};

class CompletionList;

// Told once what became of the batch it was submitted with: durable, or why not. Lives until then; destroying it
// earlier means that nobody wants to know. It is told on the loop thread, may submit again and destroy itself.
class Completion {
 public:
  Completion() = default;
  virtual ~Completion() { unlink(); }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  virtual void finished(const Status& status) = 0;
  // Where the batch lies, once it is durable.
  const Appended& appended() const { return appended_; }

 private:
  friend class Committer;
  friend class CompletionList;
  void unlink();
  Request request_;
  Appended appended_;
  CompletionList* list_ = nullptr;
  Completion* before_ = nullptr;
  Completion* after_ = nullptr;
};

// A ring of completions through themselves: joining and leaving cost no allocation.
class CompletionList {
 public:
  CompletionList() { ends_.before_ = ends_.after_ = &ends_; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  Completion& front() { return *ends_.after_; }
  // It leaves the list it was in.
  void push_back(Completion& completion);
  void take_all(CompletionList& from);
  // Tells all of them; those that join meanwhile are not told.
  void finish(const Status& status);

 private:
  friend class Completion;
  struct Ends final : Completion {
    void finished(const Status&) override {}
  };
  Ends ends_;
  std::size_t size_ = 0;
};

// Where the log ends when the committer takes over.
struct LogEnd {
  std::uint64_t log_id = 0;
  Lsn place;                   // of the next group; at offset 0 it opens its segment
  std::uint64_t sequence = 0;  // of the last group
  std::uint64_t check = 0;     // of the last group
  // At `place` is what became of a group that does not count, perhaps with a whole header. The next group is written
  // over it, never elsewhere: otherwise later starts would find both.
  bool remains = false;
};

class Committer {
 public:
  Committer(Env& env, Segments& segments, Owners& owners, const Options& options);

  void begin(const LogEnd& end);
  // Writes groups until cancelled, failed or closed.
  Task<void> run();

  // The batch will be durable as a whole or not be at all, behind all that were submitted before; the completion is
  // told. Where there is no room at the moment it waits for its turn, and the records stay where they are until then.
  // On an error nothing was begun and the completion is not told.
  Status submit(const Request& request, Completion& completion);
  // The same for coroutines.
  Task<Result<Appended>> append(Request request);
  // Some wait for room.
  bool congested() const { return !queue_.empty(); }

  // Everything durable lies before it.
  const LogEnd& end() const { return end_; }
  const Status& state() const { return state_; }
  // A group is written though it may be empty: it says that everything before it is durable, and which segment is
  // the oldest.
  void want_note();
  // No more batches; run() ends after what is staged and one last note.
  void close();
  // Whoever waits gets `error`, and so does every later call.
  void fail(const Error& error);
  // A spare segment has come, or could not be made.
  void spares_changed();

 private:
  struct Effect {
    RecordType type = RecordType::data;
    Owner* owner = nullptr;
    std::uint64_t sequence_before = 0;
    Lsn at;  // the last data record, the point of truncation, the place of the drop
  };
  struct Filling {
    explicit Filling(std::size_t capacity) : group(capacity) {}
    Group group;
    std::vector<Effect> effects;
    CompletionList waiting;
    std::uint64_t number = 0;  // counts attempts, never used twice
  };
  class Waiter;

  Status check(const Request& request) const;
  Status check_batch(std::span<const Record> batch) const;
  // `busy` when there is no room at the moment.
  Status stage(const Request& request, Completion& completion);
  Status stage_batch(const Request& request, Appended& appended);
  Status stage_note(const Request& request, Appended& appended);
  bool too_many_owners(std::span<const Record> batch) const;

  // What may take how much of a segment when no further one is to be had.
  enum class Use { data, relief, truncation, note };
  CompletionList& queue_of(const Request& request);
  Status room(std::size_t bytes, std::size_t new_owners, Use use);
  std::uint64_t limit_of(SegmentId segment, Use use);
  Status next_segment(Use use);
  std::size_t table_bytes(std::size_t new_owners) const;
  void restart(Filling& filling, Lsn place);
  Effect& effect_of(Owner& owner, RecordType type);
  Lsn add(const Record& record, bool last);

  Task<Status> write_group();
  void publish(Filling& group, const GroupHeader& header);
  // There may be room for some that wait for it.
  void admit();
  void admit(CompletionList& queue);
  void refuse_waiting(const Error& error);
  void apply(Filling& group);
  void undo(Filling& group);
  void failed_write(const Error& error);

  Env& env_;
  Segments& segments_;
  Owners& owners_;
  const Options options_;
  std::array<Filling, 2> buffers_;
  Filling* filling_ = &buffers_[0];
  Filling* writing_ = &buffers_[1];
  LogEnd end_;  // after the last durable group
  std::uint64_t attempts_ = 0;
  bool note_wanted_ = false;
  bool closing_ = false;
  bool last_had_records_ = false;
  bool blocked_on_spare_ = false;
  Status state_;
  CompletionList queue_;         // waiting for room, first come first served
  CompletionList note_queue_;    // truncations, which nothing may hold up that they would resolve
  CompletionList relief_queue_;  // what truncations need, ahead of other data
  Parking idle_;

  Counter& groups_total_;
  Counter& batches_total_;
  Counter& records_total_;
  Counter& bytes_total_;
  Gauge& live_segments_;
  Histogram& write_seconds_;
};

}  // namespace vortex::wal
