// The write-ahead log: many owners, one file after the other, one write and one sync for all that wait.
//
// Loop thread only. The directory's lock is the caller's. After a failed write or sync the process ends (fail_stop) and
// every call is refused: what was written since the last success cannot be believed.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"
#include "base/task_group.h"
#include "wal/committer.h"
#include "wal/options.h"
#include "wal/owners.h"
#include "wal/recovery.h"
#include "wal/report.h"
#include "wal/segments.h"

namespace vortex::wal {

struct Body;

struct StoredRecord {
  OwnerId owner = 0;
  std::uint16_t kind = 0;
  Lsn lsn;
  bool last_of_batch = false;
  ByteView payload;  // valid during the call
};

class Replayer {
 public:
  virtual ~Replayer() = default;
  // An error ends the replay and is its result.
  virtual Status record(const StoredRecord& record) = 0;
};

class Log {
 public:
  // Opens the log in the directory, or begins one there. What is damaged in it is told by recovery(): the log can
  // be used all the same, but the owners named there must not believe what replay() gives them.
  static Task<Result<std::unique_ptr<Log>>> open(Env& env, std::string directory, Options options);
  // After close() or stop().
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  const RecoveryReport& recovery() const { return report_; }

  // Every record that its owner still needs, in the order of the log, up to where the log ends now. Batches that are
  // whole on disk only. Appends may go on meanwhile. `damaged` when something is not there any more that recovery
  // found.
  Task<Status> replay(Replayer& to);
  // One owner's, from a place on.
  Task<Status> replay_owner(OwnerId owner, Lsn from, Replayer& to);

  // Writes the batch as a whole or not at all, and returns when it is durable. The records stay where they are until
  // then. Waits for room while the log is busy. Batches of one owner keep the order of these calls.
  //   no_space    neither a prepared segment nor space for one; truncations still work
  //   too_large   batch or record over the limit
  //   cancelled   nobody knows whether it will be durable
  // After another error all that was staged behind the batch has failed as well. It may still be found, whole, by a
  // start that comes before the next successful append.
  Task<Result<Appended>> append(std::span<const Record> batch) { return committer_.append(data(batch)); }
  // The same without a coroutine, for whoever has very many: one call for each batch when its group is durable.
  Status submit(std::span<const Record> batch, Completion& completion) {
    return committer_.submit(data(batch), completion);
  }
  // A batch without which its owner could not truncate: it may use half of what is kept for truncations, and does not
  // wait behind other batches that wait for room, not even behind those of its owner.
  Status submit_relief(std::span<const Record> batch, Completion& completion) {
    Request request = data(batch);
    request.relief = true;
    return committer_.submit(request, completion);
  }
  Task<Result<Appended>> append_relief(std::span<const Record> batch) {
    Request request = data(batch);
    request.relief = true;
    return committer_.append(request);
  }
  // No further segment is to be had: holders() should truncate, however few segments there are.
  bool short_of_room() const { return segments_.spare_failure().has_value() && !segments_.has_spare(); }
  // Some wait for room already: time to slow down.
  bool congested() const { return committer_.congested(); }

  // The owner needs nothing before this place any more; durable on return. Its records there never return.
  Task<Status> truncate(OwnerId owner, Lsn before);
  // The owner needs nothing at all, and is forgotten. It may begin anew afterwards.
  Task<Status> drop_owner(OwnerId owner);

  // Where the next group will begin: every durable record lies before it.
  Lsn end() const { return committer_.end().place; }
  // Those who keep the oldest segments from being reused, first the oldest. They should checkpoint and truncate.
  std::vector<Holder> holders(std::size_t count_max) const { return owners_.holders(count_max, segments_.current()); }
  std::size_t live_segments() const { return segments_.live(); }
  std::size_t spare_segments() const { return segments_.spares(); }

  // Writes what is staged and a last note, so that damage to any record can be told from a torn tail; then ends. The
  // result tells whether all of it worked.
  Task<Status> close();
  // Ends at once: what is not written yet is not durable, and its writers are told `cancelled`.
  Task<void> stop();

 private:
  Log(Env& env, std::string directory, const Options& options);
  Task<Status> start(Recovered recovered);
  Task<Status> begin_log(std::vector<Recovered::Spare>& spares);
  Task<Status> wipe(Slot& slot);
  Status check_owners(std::size_t owners) const;
  Task<Status> write_last_again(Recovered& recovered);
  static Request data(std::span<const Record> batch) {
    Request request;
    request.batch = batch;
    return request;
  }
  Task<Status> note(RecordType type, OwnerId owner, Lsn before);
  struct SegmentReplay {
    SegmentId segment = 0;
    File* file = nullptr;
    std::uint64_t bytes = 0;
    std::optional<OwnerId> only;
    Lsn from, stop;
    std::uint64_t sequence = 0;  // of the last group; 0 where the next one need not follow it
    std::uint64_t group_end = 0;
  };
  Task<Status> replay_filtered(std::optional<OwnerId> only, Lsn from, Replayer& to);
  Task<Status> replay_segment(SegmentReplay& what, Replayer& to);
  bool known_damage(SegmentId segment, std::uint64_t from, std::uint64_t end) const;
  Error damaged_since_start(const SegmentReplay& what, std::uint64_t offset) const;
  Status replay_pieces(const SegmentReplay& what, const Body& body, Replayer& to) const;

  Env& env_;
  const Options options_;
  RecoveryReport report_;
  std::map<SegmentId, LostEnd> lost_ends_;
  Segments segments_;
  Owners owners_;
  Committer committer_;
  TaskGroup writer_;
  TaskGroup helpers_;
};

}  // namespace vortex::wal
