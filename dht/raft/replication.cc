// Raft: how the log travels.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "dht/raft/raft.h"

namespace vortex::dht::raft {

namespace {
// A replica that refuses so many probes in a row, and nothing else is heard of it, has less than it acknowledged.
constexpr unsigned kDenialsMax = 4;
}  // namespace

void Raft::append_entry(Entry entry) {
  Index index = entry.index;
  bool changes_group = entry.kind == EntryKind::configuration;
  log_.append(std::move(entry));
  // In force as soon as it is in the log, not when it is committed.
  if (changes_group) adopt_configuration(index, decode<Configuration>(log_.at(index).data).value());
}

void Raft::append_own(EntryKind kind, ByteVector data) {
  Entry entry;
  entry.term = hard_.term;
  entry.index = log_.last_index() + 1;
  entry.kind = kind;
  entry.data = std::move(data);
  uncommitted_ += sizeof(Entry) + entry.data.size();
  append_entry(std::move(entry));
}

void Raft::truncate_from(Index index) {
  CHECK(index > commit_);
  log_.truncate_from(index);
  drop_configurations_from(index);
  durable_ = std::min(durable_, index - 1);
  for (Pending& pending : pending_) pending.last = std::min(pending.last, index - 1);
  // What was given out to be saved must be taken back on disk; what was not is merely forgotten.
  if (index < unsaved_) {
    truncate_from_ = truncate_from_ == 0 ? index : std::min(truncate_from_, index);
    unsaved_ = index;
  }
}

Result<Index> Raft::propose(ByteVector command) {
  if (role_ != Role::leader) return Code::not_leader;
  if (transfer_target_) return Error(Code::busy, "leadership is being handed over");
  if (uncommitted_ + sizeof(Entry) + command.size() > options_.uncommitted_bytes_max ||
      log_.bytes() > 4 * options_.uncommitted_bytes_max)
    return Error(Code::busy, "too much of the log is not committed yet");
  append_own(EntryKind::command, std::move(command));
  return log_.last_index();
}

// Everything proposed since the last call leaves in one append a follower.
void Raft::send_appends() {
  for (auto& [member, progress] : progress_)
    while (progress.next <= log_.last_index() && progress.ready(options_.in_flight_max)) {
      Index before = progress.next;
      send_append(member, progress, false);
      if (progress.mode != Progress::Mode::pipeline || progress.next == before) break;
    }
}

void Raft::send_append(const Replica& to, Progress& progress, bool even_empty) {
  std::optional<Term> before = log_.term_at(progress.next - 1);
  if (!before) {
    progress.mode = Progress::Mode::snapshot;
    progress.in_flight.clear();
    snapshots_wanted_.push_back(to);
    return;
  }
  Message append = message_to(to, MessageKind::append);
  append.index = progress.next - 1;
  append.log_term = *before;
  append.entries = log_.copy_from(progress.next, options_.append_bytes_max);
  append.commit = commit_;
  if (append.entries.empty() && !even_empty) return;
  Index last = append.index + append.entries.size();
  progress.commit_sent = std::min(commit_, last);
  progress.in_flight.push_back(last);
  if (progress.mode == Progress::Mode::pipeline) progress.next = last + 1;
  send_now_.push_back(std::move(append));
}

// It does not know of everything that is decided; or it is not known in this term and boot epoch, so that its
// heartbeats' answers would not count for our lease.
bool Raft::wants_word(const Replica& member, const Progress& progress) const {
  bool uninformed = progress.commit_sent < std::min(commit_, progress.match);
  return uninformed || progress.boot_epoch == 0 || progress.boot_epoch != heartbeats_.boot_epoch(member.node);
}

// Called by tick(). An idle, caught-up follower costs nothing; one that owes an answer for too long is asked again.
void Raft::retry_appends(Instant now) {
  for (auto& [member, progress] : progress_) {
    if (progress.mode == Progress::Mode::snapshot) continue;
    if (progress.in_flight.empty()) {
      progress.waiting_since.reset();
      if (wants_word(member, progress)) send_append(member, progress, true);
    } else if (!progress.waiting_since) {
      progress.waiting_since = now;
    } else if (now >= *progress.waiting_since + options_.election_timeout / 2) {
      progress.waiting_since = now;
      // The end of a log that was damaged looks like one that was never finished: it gets the rest again.
      if (progress.denied && ++progress.denials >= kDenialsMax) progress.match = *progress.denied;
      // Of one that was not heard in this term nothing is known: only its refusal says where to look.
      const bool unheard = progress.mode == Progress::Mode::probe && progress.match == 0;
      progress.probe_from(unheard ? progress.next : progress.match + 1);
      send_append(member, progress, true);
    }
  }
}

void Raft::on_append(const Message& message, Instant now) {
  CHECK_MSG(role_ != Role::leader, "two leaders in one term");
  if (role_ != Role::follower || leader_ != message.from) become_follower(hard_.term, message.from, now);
  leader_contact_ = now;
  leader_boot_epoch_ = message.boot_epoch;
  last_leader_ = message.from;
  last_leader_term_ = hard_.term;
  last_leader_boot_epoch_ = message.boot_epoch;
  followed_[message.from.node] = Followed{hard_.term, message.boot_epoch};

  Message reply = message_to(message.from, MessageKind::append_reply);
  if (!accept_entries(message)) {
    reply.refused = true;
    // Where the leader should look next: before the whole term that did not match.
    Index guess = std::min(message.index, log_.last_index());
    if (guess > log_.base_index() && guess == message.index) guess = log_.first_of_term(guess) - 1;
    reply.index = std::max(guess, commit_);
    send_now_.push_back(std::move(reply));
    return;
  }
  Index matched = message.index + message.entries.size();
  commit_ = std::max(commit_, std::min(message.commit, matched));
  reply.index = matched;
  send_when_durable_.push_back(std::move(reply));
}

bool Raft::well_formed(const Message& message) {
  Index expected = message.index;
  Term term = message.log_term;
  for (const Entry& entry : message.entries) {
    if (entry.index != ++expected || entry.term < term || entry.term > message.term) return false;
    term = entry.term;
    if (entry.kind != EntryKind::configuration) continue;
    Result<Configuration> configuration = decode<Configuration>(entry.data);
    if (!configuration.ok() || !configuration->validate().ok()) return false;
  }
  return true;
}

bool Raft::accept_entries(const Message& message) {
  // What our snapshot holds is committed and so matches.
  if (message.index >= log_.base_index()) {
    std::optional<Term> ours = log_.term_at(message.index);
    if (!ours || *ours != message.log_term) return false;
  }
  for (const Entry& entry : message.entries) {
    if (entry.index <= log_.base_index()) continue;
    if (std::optional<Term> ours = log_.term_at(entry.index)) {
      if (*ours == entry.term) continue;
      truncate_from(entry.index);
    }
    append_entry(entry);
  }
  return true;
}

void Raft::on_append_reply(const Message& message, Instant now) {
  if (role_ != Role::leader) return;
  auto member = progress_.find(message.from);
  if (member == progress_.end()) return;
  Progress& progress = member->second;
  progress.boot_epoch = message.boot_epoch;
  progress.waiting_since = now;
  if (message.refused) {
    if (progress.mode == Progress::Mode::snapshot || message.index >= progress.next) return;
    // An old refusal of something it has by now; or it has lost what it had.
    if (message.index < progress.match) {
      progress.denied = message.index;
      return;
    }
    progress.probe_from(message.index + 1);
    return send_append(member->first, progress, true);
  }
  // Entries it has from another life cannot be beyond what we sent it in this term.
  if (message.index > log_.last_index()) return;
  while (!progress.in_flight.empty() && progress.in_flight.front() <= message.index) progress.in_flight.pop_front();
  if (message.index > progress.match) progress.match = message.index;
  progress.denied.reset();
  progress.denials = 0;
  progress.next = std::max(progress.next, progress.match + 1);
  bool has_snapshot = progress.mode == Progress::Mode::snapshot && progress.match >= log_.base_index();
  if (progress.mode == Progress::Mode::probe || has_snapshot) {
    progress.mode = Progress::Mode::pipeline;
    progress.in_flight.clear();
  }
  advance_commit();
  if (transfer_target_ == message.from) continue_transfer();
}

void Raft::advance_commit() {
  auto match = [this](const Replica& replica) -> Index {
    if (replica == options_.self) return durable_;
    auto member = progress_.find(replica);
    return member == progress_.end() ? 0 : member->second.match;
  };
  Index reached = configuration().reached<Index>(0, match);
  // Only an entry of our own term is committed by counting; those before it come with it.
  if (reached <= commit_ || log_.term_at(reached) != hard_.term) return;
  for (Index index = commit_ + 1; index <= reached; ++index) uncommitted_ -= sizeof(Entry) + log_.at(index).data.size();
  commit_ = reached;
  continue_change();
}

void Raft::snapshot_sent(const Replica& to, Index index) {
  auto member = progress_.find(to);
  if (member == progress_.end() || member->second.mode != Progress::Mode::snapshot) return;
  member->second.probe_from(index + 1);
}

void Raft::snapshot_failed(const Replica& to) {
  auto member = progress_.find(to);
  if (member == progress_.end() || member->second.mode != Progress::Mode::snapshot) return;
  // Perhaps it has come so far by itself meanwhile; if not, it refuses and is offered one again.
  member->second.probe_from(std::max(member->second.match, log_.base_index()) + 1);
}

void Raft::restored_snapshot(Index index, Term snapshot_term, const Configuration& configuration, const Replica& leader,
                             Term term, Instant now) {
  if (term < hard_.term || index <= commit_) return;
  if (term > hard_.term || leader_ != leader) become_follower(term, leader, now);
  leader_contact_ = now;
  if (log_.has(index) && log_.term_at(index) == snapshot_term) {
    // Our log goes through the snapshot's end: what follows may be acknowledged and must stay.
    commit_ = applied_ = index;
    durable_ = std::max(durable_, index);
    compact_to(index);
  } else {
    log_.restart_at(index, snapshot_term);
    configurations_.clear();
    configurations_.emplace_back(index, configuration);
    commit_ = applied_ = durable_ = index;
    truncate_from_ = 0;
    for (Pending& pending : pending_) pending.last = index;
  }
  unsaved_ = std::max(unsaved_, index + 1);
  if (unsaved_ > log_.last_index() + 1) unsaved_ = log_.last_index() + 1;
  Message reply = message_to(leader, MessageKind::append_reply);
  reply.index = index;
  // It binds us to nothing: only an append does, and so the leader's lease may not count on it.
  reply.boot_epoch = 0;
  send_when_durable_.push_back(std::move(reply));
}

}  // namespace vortex::dht::raft
