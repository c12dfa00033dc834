// One replica of one group, at work: its Raft, its machine, its part of the log, and those who wait for it.
#pragma once

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "dht/groups/limits.h"
#include "dht/groups/records.h"
#include "dht/groups/shared.h"

namespace vortex::dht::groups {

class Group final : public std::enable_shared_from_this<Group> {
 public:
  Group(Shared& shared, GroupId id, Image image, std::shared_ptr<Instance> instance, Instant votes_from);
  ~Group();

  GroupId id() const { return id_; }
  raft::Raft& raft() { return raft_; }
  const raft::Raft& raft() const { return raft_; }
  const Base& base() const { return base_; }
  const std::shared_ptr<Instance>& instance() const { return instance_; }
  StateMachine& machine() { return *instance_->machine; }
  GroupView view() const;

  // Everything that is to be done now: news from the disk, time, messages out, writes, decided commands, waiters.
  void work(Instant now);
  // When work() is to be called if nothing happens until then.
  Instant due() const { return due_; }
  void look_again(Instant now) { due_ = std::min(due_, now); }
  void step(const raft::Message& message, Instant now);
  // Tells a replica that is surely left out for good.
  void dismiss_stranger(const raft::Replica& replica);

  // --- those who wait ---
  struct Proposal {
    explicit Proposal(Loop& loop) : parking(loop) {}
    Parking parking;
    raft::Term term = 0;
    Instant begun, deadline;
    std::optional<Result<ByteVector>> result;
  };
  // The proposal is told, unless withdraw() comes first.
  Result<Index> propose(ByteVector command, Proposal& proposal);
  void withdraw(Index index, const Proposal& proposal);

  struct Reader {
    explicit Reader(Loop& loop) : parking(loop) {}
    Parking parking;
    Instant since, deadline;
    Index target = 0;  // once a majority has answered: what must be applied
    std::optional<Status> result;
  };
  void await_read(Reader& reader) { readers_.push_back(&reader); }
  void withdraw(const Reader& reader) { std::erase(readers_, &reader); }
  bool may_read_now(Instant now) const { return raft_.applied_index() == raft_.commit() && raft_.has_lease(now); }
  // Tells all that wait.
  void fail_waiters(const Error& error);
  // The replica is going: what the log has not taken yet is not to be written.
  void abandon();

  // --- the disk ---
  using Done = UniqueFunction<void(Result<wal::Lsn>)>;
  // Behind everything that was to be written before. `done` is called when it is durable, or given up.
  void write_base(Base base, Done done);
  // A checkpoint of `index` in `file` is durable, and the base record that says so lies at `place`.
  void checkpointed(const Base& base, wal::Lsn place);
  // The same after a snapshot was installed. False, and nothing has changed, when the log has come further meanwhile.
  bool installed(const Base& base, std::shared_ptr<Instance> instance, const raft::Replica& leader, raft::Term term,
                 wal::Lsn place);
  // What the log need not keep before: the base, and entries behind its index that were written before it.
  wal::Lsn needed_from() const { return std::min(base_place_, places_.behind(base_.index).value_or(base_place_)); }
  bool wants_checkpoint() const;
  // What was written last was refused.
  bool without_room() const { return no_space_; }
  // As leader: how far the last member's log is behind.
  Index lag() const;

  // Set by the host, for itself.
  bool scheduled = false;
  bool gone = false;  // removed: nothing may be done for it any more
  bool checkpointing = false;
  std::uint64_t installing = 0;  // the snapshot that is being fetched; 0 when none is
  bool base_writing = false;     // one base record at a time is on its way to the disk
  std::optional<Instant> timer;
  std::vector<raft::Replica> lost_members;

 private:
  class Write;
  void pump(Instant now);
  void take(raft::Ready ready);
  void finish_writes();
  void submit_writes(Instant now);
  void enqueue(std::unique_ptr<Write> write);
  void apply(Instant now);
  void trim_log();
  void resolve(Index index, raft::Term term, ByteVector answer, Instant now);
  void settle(Proposal& proposal, Result<ByteVector> result);
  void sweep_proposals(Instant now);
  void see_readers(Instant now);
  void see_changes(Instant now);
  void plan(Instant now);

  Shared& shared_;
  const GroupId id_;
  Base base_;            // as on disk
  wal::Lsn base_place_;  // of its record; before it when that is not known
  EntryPlaces places_;
  std::shared_ptr<Instance> instance_;
  raft::Raft raft_;
  Instant due_{};

  std::deque<std::unique_ptr<Write>> writes_;  // in their order; the first ones are with the log
  bool no_space_ = false;                      // the log refused what was written last
  Instant no_space_until_{};
  Instant relief_until_{};         // the same for a base
  std::size_t written_bytes_ = 0;  // since the last checkpoint

  std::multimap<Index, Proposal*> proposals_;
  std::vector<Reader*> readers_;
  Instant sweep_at_{};
  Instant lost_at_{};  // leadership, while proposals are left
  bool told_leading_ = false;
  raft::Role was_ = raft::Role::follower;
  raft::Term told_term_ = 0;
  std::optional<NodeId> told_leader_;
  Index told_configuration_ = 0;
};

}  // namespace vortex::dht::groups
