#include "dht/groups/group.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace vortex::dht::groups {

namespace {

// However large the state is: a longer log than twice this takes no more commands.
constexpr std::size_t kLogBytesBeforeCheckpoint = 2 * kUncommittedBytes;

raft::Options raft_options(const Shared& shared, GroupId id, const Base& base, Instant votes_from) {
  raft::Options options;
  options.group = id;
  options.group_epoch = base.group_epoch;
  options.self = base.self;
  options.boot_epoch = shared.options.boot_epoch;
  options.election_timeout = shared.options.election_timeout;
  options.election_spread = shared.options.election_timeout / 2;
  options.lease = shared.options.lease;
  options.votes_from = votes_from;
  options.append_bytes_max = kAppendBytes;
  options.in_flight_max = kAppendsInFlight;
  options.uncommitted_bytes_max = kUncommittedBytes;
  return options;
}

raft::Restored restored(Image& image) {
  raft::Restored what;
  what.hard_state = image.hard_state;
  what.log = raft::Log(image.base->index, image.base->term);
  for (raft::Entry& entry : image.entries) what.log.append(std::move(entry));
  what.configuration = image.base->configuration;
  what.commit = image.base->index;
  return what;
}

}  // namespace

// One batch for the log, and what may be said when it is durable.
class Group::Write final : public wal::Completion {
 public:
  enum class State { waiting, submitted, durable };

  explicit Write(Group& group) : batch(group.id_), group_(group) {}
  ~Write() override {
    if (done) done(Error(Code::cancelled));
  }
  Status submit(wal::Log& log, bool overtakes) {
    records_ = batch.records();
    state = State::submitted;
    Status submitted = overtakes ? log.submit_relief(records_, *this) : log.submit(records_, *this);
    CHECK_MSG(!submitted.is(Code::too_large), submitted.error().to_string());
    if (!submitted.ok()) state = State::waiting;
    return submitted;
  }
  void finished(const Status& status) override {
    state = status.ok() ? State::durable : State::waiting;
    // A full disk takes the batch later. After anything else the process is ending.
    if (!status.ok())
      (relief ? group_.relief_until_ : group_.no_space_until_) = group_.shared_.env.now() + kNoSpaceRetry;
    if (!relief) group_.no_space_ = !status.ok();
    group_.shared_.schedule(group_);
  }

  Batch batch;
  State state = State::waiting;
  std::uint64_t ticket = 0;  // of the Ready that ends with this batch
  std::vector<raft::Message> send;
  Index cut = 0, first = 0, last = 0;
  bool relief = false;  // the log can be cut once it is there
  Done done;

 private:
  Group& group_;
  std::vector<wal::Record> records_;
};

Group::Group(Shared& shared, GroupId id, Image image, std::shared_ptr<Instance> instance, Instant votes_from)
    : shared_(shared),
      id_(id),
      base_(*image.base),
      places_(std::move(image.places)),
      instance_(std::move(instance)),
      raft_(raft_options(shared, id, *image.base, votes_from), restored(image), shared.heartbeats, shared.env.random(),
            shared.env.now()) {
  written_bytes_ = raft_.log().bytes();
  told_term_ = raft_.term();
  told_configuration_ = raft_.configuration_index();
}

Group::~Group() = default;

GroupView Group::view() const {
  GroupView view;
  view.group = id_;
  view.group_epoch = base_.group_epoch;
  view.self = base_.self;
  view.role = raft_.role();
  view.term = raft_.term();
  if (auto leader = raft_.leader()) view.leader = leader->node;
  view.configuration = raft_.configuration();
  view.decided = raft_.committed_configuration();
  view.commit = raft_.commit();
  view.applied = raft_.applied_index();
  view.log_bytes = raft_.log().bytes();
  view.state_bytes = instance_->machine->memory_bytes();
  return view;
}

Index Group::lag() const {
  Index least = raft_.log().last_index();
  if (raft_.is_leader())
    for (const raft::Replica& member : raft_.configuration().members())
      least = std::min(least, raft_.match_of(member).value_or(0));
  return raft_.log().last_index() - least;
}

void Group::work(Instant now) {
  finish_writes();
  if (now >= due_) raft_.tick(now);
  pump(now);
  apply(now);
  trim_log();
  // What became decided may make a change go on.
  pump(now);
  submit_writes(now);
  see_readers(now);
  sweep_proposals(now);
  see_changes(now);
  if (!checkpointing && wants_checkpoint()) shared_.want_checkpoint(*this);
  plan(now);
}

void Group::step(const raft::Message& message, Instant now) {
  if (message.kind != raft::MessageKind::append_reply) dismiss_stranger(message.from);
  raft_.step(message, now);
}

// Leaders alone know who has been left out for good.
void Group::dismiss_stranger(const raft::Replica& replica) {
  const raft::Configuration& configuration = raft_.configuration();
  if (raft_.decides() && configuration == raft_.committed_configuration() && !configuration.joint() &&
      !configuration.contains(replica))
    shared_.dismiss(*this, replica);
}

void Group::pump(Instant) {
  while (raft_.has_ready()) {
    take(raft_.take_ready());
    finish_writes();
  }
}

void Group::take(raft::Ready ready) {
  for (raft::Message& message : ready.send_now) shared_.post(std::move(message));
  for (const raft::Replica& to : ready.snapshots_wanted) shared_.want_snapshot(*this, to);
  const std::size_t limit = std::min(kWriteBytes, shared_.options.wal.batch_bytes_max() / 2);
  auto write = std::make_unique<Write>(*this);
  if (ready.hard_state) write->batch.add(*ready.hard_state);
  if (ready.truncate_from != 0) {
    write->batch.add_cut(ready.truncate_from);
    write->cut = ready.truncate_from;
  }
  for (Index index = ready.first; index != 0 && index <= ready.last; ++index) {
    const raft::Entry& entry = raft_.log().at(index);
    if (!write->batch.empty() && write->batch.bytes() + Batch::cost(entry) > limit) {
      enqueue(std::move(write));
      write = std::make_unique<Write>(*this);
    }
    write->batch.add(entry);
    if (write->first == 0) write->first = index;
    write->last = index;
  }
  write->ticket = ready.ticket;
  write->send = std::move(ready.send_when_durable);
  enqueue(std::move(write));
}

void Group::enqueue(std::unique_ptr<Write> write) {
  written_bytes_ += write->batch.bytes();
  if (write->batch.empty()) write->state = Write::State::durable;
  writes_.push_back(std::move(write));
}

void Group::finish_writes() {
  while (!writes_.empty() && writes_.front()->state == Write::State::durable) {
    std::unique_ptr<Write> write = std::move(writes_.front());
    writes_.pop_front();
    if (write->cut != 0) places_.cut(write->cut);
    if (write->first != 0) places_.wrote(write->first, write->last, write->appended().first);
    if (write->ticket != 0) raft_.durable(write->ticket);
    for (raft::Message& message : write->send) shared_.post(std::move(message));
    if (write->done) std::exchange(write->done, Done())(write->appended().first);
  }
  // A base that was quicker than what was to be written before it.
  for (const auto& write : writes_)
    if (write->done && write->state == Write::State::durable)
      std::exchange(write->done, Done())(write->appended().first);
}

// In their order; but where the log has no room for what comes before, a base goes ahead of it, since it alone makes
// room. A start that finds it without what it overtook reads the same state and a shorter log, of which nobody was told
// more; only entries that a cut would have taken away must not stay behind it.
void Group::submit_writes(Instant now) {
  bool stuck = now < no_space_until_, cut_ahead = false;
  for (const auto& write : writes_) {
    if (write->state != Write::State::durable) cut_ahead = cut_ahead || write->cut != 0;
    if (write->state != Write::State::waiting) continue;
    const bool overtakes = write->relief && !cut_ahead && now >= relief_until_;
    if (stuck && !overtakes) continue;
    if (write->submit(*shared_.log, overtakes).ok()) continue;
    if (overtakes) relief_until_ = now + kNoSpaceRetry;
    if (!stuck) no_space_until_ = now + kNoSpaceRetry;
    if (!write->relief) no_space_ = true;
    stuck = true;
  }
}

void Group::write_base(Base base, Done done) {
  pump(shared_.env.now());
  base.hard_state = raft_.hard_state();
  auto write = std::make_unique<Write>(*this);
  write->batch.add(base);
  // What makes everything before it void cannot stand before that.
  write->relief = !base.discard;
  write->done = std::move(done);
  enqueue(std::move(write));
  shared_.schedule(*this);
}

bool Group::wants_checkpoint() const {
  std::size_t threshold = std::max(shared_.options.checkpoint_bytes, instance_->machine->memory_bytes());
  threshold = std::min(threshold, kLogBytesBeforeCheckpoint);
  return !gone && written_bytes_ >= threshold && raft_.applied_index() > base_.index;
}

// A start reads from the disk what is let go of here. Members that are only a little behind get entries, not a
// snapshot.
void Group::trim_log() {
  const raft::Log& log = raft_.log();
  const std::size_t tail = shared_.log_tail_bytes;
  if (log.bytes() <= 2 * tail) return;
  Index last = std::min(raft_.applied_index(), raft_.match_of(base_.self).value_or(0));
  if (raft_.is_leader() && log.bytes() < kLogForLateShares * tail)
    for (const raft::Replica& member : raft_.configuration().members())
      last = std::min(last, raft_.match_of(member).value_or(0));
  Index to = log.base_index();
  for (std::size_t left = log.bytes(); to < last && left > tail; ++to)
    left -= log.at(to + 1).data.size() + sizeof(raft::Entry);
  raft_.compact_to(to);
}

void Group::checkpointed(const Base& base, wal::Lsn place) {
  base_ = base;
  base_place_ = place;
  places_.forget_to(base.index);
  written_bytes_ = 0;
  trim_log();
}

bool Group::installed(const Base& base, std::shared_ptr<Instance> instance, const raft::Replica& leader,
                      raft::Term term, wal::Lsn place) {
  if (base.discard) places_.clear();
  places_.forget_to(base.index);
  base_ = base;
  base_place_ = place;
  if (base.index <= raft_.commit() || term < raft_.term()) return false;
  instance_ = std::move(instance);
  raft_.restored_snapshot(base.index, base.term, base.configuration, leader, term, shared_.env.now());
  written_bytes_ = 0;
  return true;
}

void Group::abandon() {
  gone = true;
  fail_waiters(Error(Code::not_found, "the replica was removed"));
  writes_.clear();
}

void Group::plan(Instant now) {
  due_ = raft_.next_tick(now);
  if (!readers_.empty() || !proposals_.empty()) due_ = std::min(due_, now + kWaitersPeriod);
  bool waiting = std::any_of(writes_.begin(), writes_.end(),
                             [](const auto& write) { return write->state == Write::State::waiting; });
  if (waiting) due_ = std::min(due_, std::max(no_space_until_, now + kTimerStep));
}

void Group::see_changes(Instant now) {
  bool leads = raft_.is_leader(), led = was_ == raft::Role::leader;
  if (raft_.role() == raft::Role::pre_candidate && was_ == raft::Role::follower) shared_.metrics.elections.add();
  was_ = raft_.role();
  if (leads != led) {
    (leads ? shared_.metrics.led : shared_.metrics.lost).add();
    if (!leads) {
      lost_at_ = now;
      lost_members.clear();
    }
  }
  if (!shared_.listener) return;
  bool ready = raft_.decides() && raft_.applied_index() == raft_.commit();
  if (told_leading_ && (!leads || raft_.term() != told_term_)) {
    told_leading_ = false;
    shared_.listener->leadership(id_, false, told_term_);
  }
  if (ready && !told_leading_) {
    told_leading_ = true;
    told_term_ = raft_.term();
    shared_.listener->leadership(id_, true, told_term_);
  }
  std::optional<NodeId> leader;
  if (raft_.leader()) leader = raft_.leader()->node;
  if (leader == told_leader_ && raft_.configuration_index() == told_configuration_) return;
  told_leader_ = leader;
  told_configuration_ = raft_.configuration_index();
  shared_.listener->changed(id_);
}

}  // namespace vortex::dht::groups
