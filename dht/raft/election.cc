// Raft: who leads.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "dht/raft/raft.h"

namespace vortex::dht::raft {

namespace {
// Of the spread; enough for one to be elected before the next stands.
constexpr int kSoonShare = 4;
// Rounds without a result that are followed by another one sooner than a silent leader is.
constexpr unsigned kQuickRounds = 2;
}  // namespace

Duration Raft::random_share(Duration of) { return Duration(random_.below(static_cast<std::uint64_t>(of.count()) + 1)); }

void Raft::restart_election_timer(Instant now) {
  election_wait_ = options_.election_timeout + random_share(options_.election_spread);
  election_deadline_ = now + election_wait_;
}

// Nobody leads any more, and all learn of it together: each waits for a moment of its own.
void Raft::stand_soon(Instant now) {
  restart_election_timer(now);
  election_deadline_ = now + random_share(options_.election_spread / kSoonShare);
}

void Raft::doubt_leader(const NodeId& node) {
  if (role_ != Role::follower || !leader_ || leader_->node != node) return;
  Duration sooner = options_.election_timeout + random_share(options_.election_spread / kSoonShare);
  election_wait_ = std::min(election_wait_, sooner);
}

// Not `heard` alone: before a leader's node has sent us a heartbeat, its appends are what we hear.
Instant Raft::last_contact() const {
  if (!leader_) return Instant();
  return std::max(leader_contact_, heartbeats_.heard(leader_->node));
}

bool Raft::hears_leader(Instant now) const {
  if (role_ == Role::leader) return true;
  return leader_ && now < last_contact() + options_.election_timeout;
}

void Raft::become_follower(Term term, std::optional<Replica> leader, Instant now) {
  if (term > hard_.term) {
    hard_.term = term;
    hard_.vote.reset();
    hard_changed_ = true;
  }
  bool led = role_ == Role::leader;
  role_ = Role::follower;
  if (leader) rounds_ = 0;
  // Those who have promised us something need not wait for its end.
  if (led)
    for (const auto& [member, progress] : progress_) say_stepped_down(member);
  leader_ = leader;
  votes_.clear();
  campaign_released_ = false;
  progress_.clear();
  term_start_ = 0;
  transfer_target_.reset();
  transfer_begun_ = false;
  timeout_now_sent_ = false;
  if (led || leader) restart_election_timer(now);
}

void Raft::become_leader(Instant now) {
  role_ = Role::leader;
  leader_ = options_.self;
  leader_since_ = now;
  rounds_ = 0;
  last_leader_.reset();
  progress_.clear();
  for (const Replica& member : configuration().members()) {
    if (member == options_.self) continue;
    progress_[member].next = log_.last_index() + 1;
  }
  uncommitted_ = 0;
  for (Index index = commit_ + 1; index <= log_.last_index(); ++index)
    uncommitted_ += sizeof(Entry) + log_.at(index).data.size();
  term_start_ = log_.last_index() + 1;
  append_own(EntryKind::noop, {});
}

void Raft::campaign(bool pre, bool released, Instant now) {
  restart_election_timer(now);
  if (pre || rounds_ == 0) ++rounds_;
  if (rounds_ <= kQuickRounds) {
    // Should votes be split, or somebody not be ready yet.
    Duration least = options_.election_timeout / (8 >> rounds_);
    election_deadline_ = now + least + random_share(least);
  }
  if (!pre && !may_vote(options_.self, released, now)) return;
  leader_.reset();
  votes_.clear();
  votes_[options_.self] = true;
  role_ = pre ? Role::pre_candidate : Role::candidate;
  campaign_released_ = released;
  if (!pre) {
    ++hard_.term;
    hard_.vote = options_.self;
    hard_changed_ = true;
  }
  for (const Replica& member : configuration().members()) {
    if (member == options_.self || !configuration().is_voter(member)) continue;
    Message request = message_to(member, pre ? MessageKind::pre_vote : MessageKind::vote);
    request.index = log_.last_index();
    request.log_term = log_.last_term();
    request.released = released;
    if (pre) request.term = hard_.term + 1;
    // Our own vote must be on disk before anybody can add theirs to it.
    (pre ? send_now_ : send_when_durable_).push_back(std::move(request));
  }
  count_votes(now);
}

void Raft::count_votes(Instant now) {
  auto granted = [this](const Replica& replica) {
    auto vote = votes_.find(replica);
    return vote != votes_.end() && vote->second;
  };
  auto refused = [this](const Replica& replica) {
    auto vote = votes_.find(replica);
    return vote != votes_.end() && !vote->second;
  };
  if (configuration().majority(granted)) {
    if (role_ == Role::pre_candidate) return campaign(false, false, now);
    return become_leader(now);
  }
  if (configuration().majority(refused)) become_follower(hard_.term, std::nullopt, now);
}

// A promise made to a leader's node binds us in the groups it leads, also where we have forgotten that it does;
// `released` says that the leader itself has asked for this election and trusts no lease any more.
bool Raft::may_vote(const Replica& candidate, bool released, Instant now) const {
  if (now < options_.votes_from) return false;
  if (released || !last_leader_ || last_leader_->node == candidate.node) return true;
  // A node that has started again leads nothing that it led before.
  if (heartbeats_.boot_epoch(last_leader_->node) > last_leader_boot_epoch_) return true;
  return now >= heartbeats_.promised_until(last_leader_->node);
}

bool Raft::log_is_as_good(const Message& message) const {
  if (message.log_term != log_.last_term()) return message.log_term > log_.last_term();
  return message.index >= log_.last_index();
}

void Raft::on_vote_request(const Message& message, Instant now) {
  bool pre = message.kind == MessageKind::pre_vote;
  auto answer = [&](bool refuse) {
    Message reply = message_to(message.from, pre ? MessageKind::pre_vote_reply : MessageKind::vote_reply);
    reply.refused = refuse;
    // A granted pre-vote is about the term asked for.
    if (pre && !refuse) reply.term = message.term;
    (pre || refuse ? send_now_ : send_when_durable_).push_back(std::move(reply));
  };
  if (message.term < hard_.term) return answer(true);
  // While a leader is heard, nobody makes us doubt it: a replica that was cut off, or removed, disturbs no one.
  bool undisturbed = !message.released && hears_leader(now) && leader_ != message.from;
  if (undisturbed || !may_vote(message.from, message.released, now)) return answer(true);
  if (pre) return answer(!(message.term > hard_.term && log_is_as_good(message)));

  if (message.term > hard_.term) become_follower(message.term, std::nullopt, now);
  bool grant = (!hard_.vote || hard_.vote == message.from) && log_is_as_good(message) && role_ == Role::follower;
  if (grant && !hard_.vote) {
    hard_.vote = message.from;
    hard_changed_ = true;
  }
  if (grant) restart_election_timer(now);
  answer(!grant);
}

void Raft::on_vote_reply(const Message& message, Instant now) {
  bool pre = message.kind == MessageKind::pre_vote_reply;
  if (role_ != (pre ? Role::pre_candidate : Role::candidate)) return;
  // An answer to an earlier round of pre-votes.
  if (pre && !message.refused && message.term != hard_.term + 1) return;
  votes_[message.from] = !message.refused;
  count_votes(now);
}

void Raft::ask_leader(const Replica& leader, Instant now) {
  if (now < leader_asked_ + options_.election_timeout) return;
  leader_asked_ = now;
  send_now_.push_back(message_to(leader, MessageKind::still_leading));
}

void Raft::on_still_leading(const Message& message) {
  if (role_ != Role::leader) return say_stepped_down(message.from);
  auto member = progress_.find(message.from);
  if (member != progress_.end() && member->second.mode != Progress::Mode::snapshot)
    send_append(member->first, member->second, true);
}

// Never by a candidate: it may yet lead in this very term, and the word be late.
void Raft::say_stepped_down(const Replica& to) {
  if (role_ == Role::leader || role_ == Role::candidate) return;
  send_now_.push_back(message_to(to, MessageKind::stepped_down));
}

void Raft::hear_moved_on(const NodeId& node, Term term, Instant now) {
  seen_term(term, now);
  for (const Replica& member : configuration().members())
    if (member.node == node && member != options_.self) say_stepped_down(member);
}

// Nobody leads twice in one term, so what it promised to us up to this term, and we to it, is over.
void Raft::on_stepped_down(const Message& message, Instant now) {
  bool of_this_life = message.boot_epoch >= last_leader_boot_epoch_;
  if (last_leader_ == message.from && of_this_life && last_leader_term_ <= message.term) last_leader_.reset();
  if (leader_ != message.from || message.boot_epoch < leader_boot_epoch_ || message.term < hard_.term) return;
  leader_.reset();
  if (role_ == Role::follower) stand_soon(now);
}

std::optional<Term> Raft::moved_on_from(const NodeId& node) const {
  auto followed = followed_.find(node);
  if (followed == followed_.end() || followed->second.term >= hard_.term) return std::nullopt;
  if (heartbeats_.boot_epoch(node) > followed->second.boot_epoch) return std::nullopt;
  return hard_.term;
}

void Raft::note_moved_on(const Message& message) {
  auto followed = followed_.find(message.from.node);
  if (followed == followed_.end()) return;
  // A granted pre-vote carries the term that was asked for, not its sender's.
  bool own_term = message.kind != MessageKind::pre_vote_reply || message.refused;
  bool moved = own_term && message.term > followed->second.term;
  bool left = message.kind == MessageKind::stepped_down && message.term == followed->second.term;
  if (moved || left || message.boot_epoch > followed->second.boot_epoch) followed_.erase(followed);
}

// A leader that a majority has not answered for an election timeout is probably alone and says so by stepping down.
void Raft::check_quorum(Instant now) {
  if (now < leader_since_ + options_.election_timeout) return;
  if (majority_acknowledged(now) + options_.election_timeout < now) step_down(now);
}

void Raft::step_down(Instant now) {
  if (role_ == Role::leader) become_follower(hard_.term, std::nullopt, now);
}

}  // namespace vortex::dht::raft
