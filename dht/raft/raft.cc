#include "dht/raft/raft.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace vortex::dht::raft {

namespace {
// Followers learn by the next append what is decided; where none follows, by an empty one after so long.
constexpr Duration kWordAfter = milliseconds(20);
}  // namespace

Raft::Raft(Options options, Restored restored, const Heartbeats& heartbeats, Random& random, Instant now)
    : options_(std::move(options)),
      heartbeats_(heartbeats),
      random_(random),
      hard_(std::move(restored.hard_state)),
      log_(std::move(restored.log)),
      commit_(std::max(restored.commit, log_.base_index())),
      applied_(log_.base_index()),
      durable_(log_.last_index()),
      durable_term_(hard_.term),
      unsaved_(log_.last_index() + 1) {
  CHECK(options_.lease < options_.election_timeout);
  CHECK(commit_ <= log_.last_index());
  CHECK(log_.last_term() <= hard_.term);
  configurations_.emplace_back(log_.base_index(), std::move(restored.configuration));
  for (Index index = log_.base_index() + 1; index <= log_.last_index(); ++index) {
    const Entry& entry = log_.at(index);
    if (entry.kind == EntryKind::configuration) adopt_configuration(index, decode<Configuration>(entry.data).value());
  }
  restart_election_timer(now);
}

void Raft::tick(Instant now) {
  if (role_ == Role::leader) {
    check_quorum(now);
    if (role_ != Role::leader) return;
    retry_appends(now);
    if (transfer_target_ && now >= transfer_deadline_) give_up_transfer(now);
    return;
  }
  if (leader_ && heartbeats_.boot_epoch(leader_->node) > leader_boot_epoch_) {
    leader_.reset();
    if (role_ == Role::follower) stand_soon(now);
  }
  if (leader_ && now >= leader_contact_ + options_.leader_check) ask_leader(*leader_, now);
  if (now < std::max(election_deadline_, last_contact() + election_wait_)) return;
  if (last_leader_ && now < heartbeats_.promised_until(last_leader_->node)) ask_leader(*last_leader_, now);
  if (!may_stand()) {
    leader_.reset();
    restart_election_timer(now);
    return;
  }
  campaign(true, false, now);
}

Instant Raft::next_tick(Instant now) const {
  if (role_ == Role::leader) {
    Instant next = now + options_.election_timeout / 4;
    for (const auto& [member, progress] : progress_) {
      if (progress.mode == Progress::Mode::snapshot) continue;
      if (progress.in_flight.empty() && wants_word(member, progress)) next = std::min(next, now + kWordAfter);
      if (progress.waiting_since && !progress.in_flight.empty())
        next = std::min(next, *progress.waiting_since + options_.election_timeout / 2);
    }
    return transfer_target_ ? std::min(next, transfer_deadline_) : next;
  }
  Instant next = std::max(election_deadline_, last_contact() + election_wait_);
  if (leader_)
    next = std::min(next, std::max(leader_contact_ + options_.leader_check, leader_asked_ + options_.election_timeout));
  return next;
}

void Raft::step(const Message& message, Instant now) {
  if (message.group_epoch != options_.group_epoch || message.to != options_.self || !well_formed(message)) return;
  note_moved_on(message);
  if (message.kind == MessageKind::pre_vote || message.kind == MessageKind::vote) return on_vote_request(message, now);

  // A refused pre-vote carries the refuser's term; a granted one carries the term that was asked for, in which
  // nothing has happened yet.
  bool grants_pre_vote = message.kind == MessageKind::pre_vote_reply && !message.refused;
  if (message.term > hard_.term && !grants_pre_vote) become_follower(message.term, std::nullopt, now);
  if (message.term < hard_.term) {
    if (message.kind == MessageKind::still_leading) return on_still_leading(message);
    if (message.kind == MessageKind::stepped_down) return on_stepped_down(message, now);
    if (message.kind != MessageKind::append) return;
    // An old leader learns that it is one.
    Message reply = message_to(message.from, MessageKind::append_reply);
    reply.refused = true;
    send_now_.push_back(std::move(reply));
    return;
  }
  switch (message.kind) {
    case MessageKind::append:
      return on_append(message, now);
    case MessageKind::append_reply:
      return on_append_reply(message, now);
    case MessageKind::pre_vote_reply:
    case MessageKind::vote_reply:
      return on_vote_reply(message, now);
    case MessageKind::timeout_now:
      if (leader_ == message.from && may_stand()) campaign(false, true, now);
      return;
    case MessageKind::stepped_down:
      return on_stepped_down(message, now);
    case MessageKind::still_leading:
      return on_still_leading(message);
    case MessageKind::pre_vote:
    case MessageKind::vote:
      break;
  }
  CHECK(false);
}

void Raft::seen_term(Term term, Instant now) {
  if (term > hard_.term) become_follower(term, std::nullopt, now);
}

Message Raft::message_to(const Replica& to, MessageKind kind) const {
  Message message;
  message.group = options_.group;
  message.group_epoch = options_.group_epoch;
  message.from = options_.self;
  message.to = to;
  message.boot_epoch = options_.boot_epoch;
  message.kind = kind;
  message.term = hard_.term;
  return message;
}

bool Raft::has_ready() const {
  if (hard_changed_ || truncate_from_ != 0 || unsaved_ <= log_.last_index() || !send_now_.empty() ||
      !send_when_durable_.empty() || !snapshots_wanted_.empty())
    return true;
  if (role_ != Role::leader || durable_term_ < hard_.term) return false;
  return std::any_of(progress_.begin(), progress_.end(), [this](const auto& member) {
    return member.second.next <= log_.last_index() && member.second.ready(options_.in_flight_max);
  });
}

Ready Raft::take_ready() {
  if (role_ == Role::leader && durable_term_ == hard_.term) send_appends();
  Ready ready;
  ready.ticket = next_ticket_++;
  if (std::exchange(hard_changed_, false)) ready.hard_state = hard_;
  ready.truncate_from = std::exchange(truncate_from_, 0);
  if (unsaved_ <= log_.last_index()) {
    ready.first = unsaved_;
    ready.last = log_.last_index();
  }
  unsaved_ = log_.last_index() + 1;
  ready.send_now = std::exchange(send_now_, {});
  ready.send_when_durable = std::exchange(send_when_durable_, {});
  ready.snapshots_wanted = std::exchange(snapshots_wanted_, {});
  pending_.push_back(Pending{ready.ticket, log_.last_index(), hard_.term});
  return ready;
}

void Raft::durable(std::uint64_t ticket) {
  while (!pending_.empty() && pending_.front().ticket <= ticket) {
    durable_ = std::max(durable_, pending_.front().last);
    durable_term_ = std::max(durable_term_, pending_.front().term);
    pending_.pop_front();
  }
  if (role_ == Role::leader) advance_commit();
}

void Raft::applied(Index index) {
  CHECK(index >= applied_ && index <= commit_);
  applied_ = index;
}

void Raft::compact_to(Index index) {
  CHECK(index <= applied_ && index <= durable_);
  if (index <= log_.base_index()) return;
  log_.compact_to(index);
  while (configurations_.size() > 1 && configurations_[1].first <= index) configurations_.pop_front();
}

std::optional<Index> Raft::match_of(const Replica& replica) const {
  if (replica == options_.self) return durable_;
  auto member = progress_.find(replica);
  if (member == progress_.end()) return std::nullopt;
  return member->second.match;
}

}  // namespace vortex::dht::raft
