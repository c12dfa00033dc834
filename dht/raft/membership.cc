// Raft: who belongs to the group, who leads next, and how long a leader may believe that it leads.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "dht/raft/raft.h"

namespace vortex::dht::raft {

void Raft::adopt_configuration(Index index, Configuration configuration) {
  configurations_.emplace_back(index, std::move(configuration));
  if (role_ != Role::leader) return;
  const Configuration& now = this->configuration();
  std::erase_if(progress_, [&now](const auto& member) { return !now.contains(member.first); });
  for (const Replica& member : now.members())
    if (member != options_.self && !progress_.contains(member)) progress_[member].next = index;
}

void Raft::drop_configurations_from(Index index) {
  while (configurations_.size() > 1 && configurations_.back().first >= index) configurations_.pop_back();
}

// Also one whom its latest configuration leaves out stands for election as long as it does not know that this
// is decided: it may be the only one left whose log can win.
bool Raft::may_stand() const {
  for (auto entry = configurations_.rbegin(); entry != configurations_.rend(); ++entry) {
    if (entry->second.is_voter(options_.self)) return true;
    if (entry->first <= commit_) return false;
  }
  return false;
}

const Configuration& Raft::committed_configuration() const {
  auto latest = std::find_if(configurations_.rbegin(), configurations_.rend(),
                             [this](const auto& entry) { return entry.first <= commit_; });
  return latest == configurations_.rend() ? configurations_.front().second : latest->second;
}

Result<Index> Raft::propose_configuration(const Configuration& target) {
  if (role_ != Role::leader) return Code::not_leader;
  if (transfer_target_) return Error(Code::busy, "leadership is being handed over");
  // Without an entry of its own term decided, a leader may not know of a change that a predecessor began.
  if (!committed_in_term()) return Error(Code::busy, "this term has decided nothing yet");
  if (configuration().joint() || configurations_.back().first > commit_)
    return Error(Code::busy, "the group is changing already");
  if (target.joint()) return Error(Code::invalid_argument, "the way from one group to the next is ours to find");
  RETURN_IF_ERROR(target.validate());
  Configuration next = target;
  // Learners may come and go in one step; voters only through a time in which both groups must agree.
  if (target.voters != configuration().voters) next = configuration().towards(target);
  RETURN_IF_ERROR(next.validate());
  append_own(EntryKind::configuration, encode(next));
  return log_.last_index();
}

void Raft::continue_change() {
  if (configurations_.back().first > commit_) return;
  if (configuration().joint()) return append_own(EntryKind::configuration, encode(configuration().settled()));
  if (configuration().is_voter(options_.self)) return;
  // Voted out: what decided it is committed, so the others go on without us.
  name_successor();
  step_down(leader_since_);
}

// Who knows most need not wait until it finds out that nobody leads.
void Raft::name_successor() {
  const Replica* best = nullptr;
  for (const Replica& voter : configuration().voters)
    if (!best || match_of(voter) > match_of(*best)) best = &voter;
  if (best) send_now_.push_back(message_to(*best, MessageKind::timeout_now));
}

Status Raft::transfer_to(const Replica& target, Instant now) {
  if (role_ != Role::leader) return Code::not_leader;
  if (transfer_target_) return Error(Code::busy, "leadership is being handed over");
  if (target == options_.self) return Error(Code::invalid_argument, "it leads already");
  const std::vector<Replica>& voters = configuration().voters;
  if (!std::binary_search(voters.begin(), voters.end(), target)) return Error(Code::invalid_argument, "it has no vote");
  transfer_target_ = target;
  transfer_begun_ = true;
  timeout_now_sent_ = false;
  transfer_deadline_ = now + options_.election_timeout;
  continue_transfer();
  return Status();
}

void Raft::continue_transfer() {
  auto member = progress_.find(*transfer_target_);
  if (member == progress_.end()) return;  // it has left; the deadline will see to it
  if (member->second.match < log_.last_index() || std::exchange(timeout_now_sent_, true)) return;
  send_now_.push_back(message_to(*transfer_target_, MessageKind::timeout_now));
}

// In this term there is no lease any more, and the other may yet be elected; the next term has both sorted out.
void Raft::give_up_transfer(Instant now) {
  step_down(now);
  campaign(false, true, now);
}

// The latest moment at which a majority had heard from us and had not moved on. An acknowledgement counts for this
// group only from a voter that has, in its present boot epoch, acknowledged an append of this term.
Instant Raft::majority_acknowledged(Instant now) const {
  auto acknowledged = [this, now](const Replica& replica) -> Instant {
    if (replica == options_.self) return now;
    auto member = progress_.find(replica);
    if (member == progress_.end() || member->second.boot_epoch == 0) return Instant();
    if (member->second.boot_epoch != heartbeats_.boot_epoch(replica.node)) return Instant();
    return heartbeats_.acknowledged(replica.node);
  };
  return configuration().reached<Instant>(Instant(), acknowledged);
}

bool Raft::has_lease(Instant now) const {
  if (role_ != Role::leader || transfer_begun_ || !committed_in_term()) return false;
  auto trusted = Duration(static_cast<Duration::rep>(static_cast<double>(options_.lease.count()) / kClockRateRatio));
  return now < majority_acknowledged(now) + trusted;
}

bool Raft::may_read(Instant since, Instant now) const {
  if (has_lease(now)) return true;
  return role_ == Role::leader && committed_in_term() && majority_acknowledged(now) >= since;
}

}  // namespace vortex::dht::raft
