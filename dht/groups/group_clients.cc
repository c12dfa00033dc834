// Those who wait for a group: proposals and readers.
#include <algorithm>
#include <utility>

#include "dht/groups/group.h"

namespace vortex::dht::groups {

Result<Index> Group::propose(ByteVector command, Proposal& proposal) {
  if (proposals_.size() >= kProposalsMax) {
    shared_.metrics.refused.add();
    return Error(Code::busy, "too many commands wait").with_retry_after(net::kBusyRetryMs);
  }
  // Where the disk is full, no more is promised than it can hold.
  if (no_space_) return Error(Code::no_space, "the log has no room");
  auto index = raft_.propose(std::move(command));
  if (!index.ok()) {
    shared_.metrics.refused.add();
    if (index.is(Code::busy))
      return Error(Code::busy, std::string(index.error().message())).with_retry_after(net::kBusyRetryMs);
    return index;
  }
  proposal.term = raft_.term();
  proposals_.emplace(*index, &proposal);
  shared_.metrics.proposed.add();
  shared_.schedule(*this);
  return index;
}

void Group::withdraw(Index index, const Proposal& proposal) {
  auto [from, to] = proposals_.equal_range(index);
  for (auto at = from; at != to; ++at)
    if (at->second == &proposal) {
      proposals_.erase(at);
      return;
    }
}

void Group::settle(Proposal& proposal, Result<ByteVector> result) {
  proposal.result.emplace(std::move(result));
  proposal.parking.wake();
}

void Group::apply(Instant now) {
  std::size_t bytes = 0;
  while (raft_.applied_index() < raft_.commit()) {
    Index index = raft_.applied_index() + 1;
    const raft::Entry& entry = raft_.log().at(index);
    ByteVector answer;
    if (entry.kind == raft::EntryKind::command) {
      answer = instance_->machine->apply(index, entry.data);
      bytes += entry.data.size() + sizeof(raft::Entry);
      shared_.metrics.applied.add();
    }
    raft_.applied(index);
    if (!proposals_.empty()) resolve(index, entry.term, std::move(answer), now);
    if (bytes < kApplyBytes) continue;
    shared_.schedule(*this);
    return;
  }
}

// An index is decided: whoever proposed it in that term did it, and whoever proposed it in another one surely did not.
void Group::resolve(Index index, raft::Term term, ByteVector answer, Instant now) {
  while (!proposals_.empty() && proposals_.begin()->first <= index) {
    auto [at, proposal] = *proposals_.begin();
    proposals_.erase(proposals_.begin());
    if (at < index) {
      // A snapshot jumped over it.
      settle(*proposal, Code::outcome_unknown);
    } else if (proposal->term == term) {
      shared_.metrics.commit_time.record(now - proposal->begun);
      settle(*proposal, std::move(answer));
    } else {
      settle(*proposal, Error(Code::not_leader, "another leader's command took its place"));
    }
  }
}

void Group::sweep_proposals(Instant now) {
  if (proposals_.empty() || now < sweep_at_) return;
  sweep_at_ = now + kWaitersPeriod;
  bool abandoned = !raft_.is_leader() && now >= lost_at_ + kLostLeaderPatience;
  for (auto at = proposals_.begin(); at != proposals_.end();) {
    Proposal& proposal = *at->second;
    if (!abandoned && now < proposal.deadline) {
      ++at;
      continue;
    }
    at = proposals_.erase(at);
    shared_.metrics.unknown.add();
    settle(proposal, Error(Code::outcome_unknown, abandoned ? "leadership ended" : "not decided in time"));
  }
}

void Group::see_readers(Instant now) {
  for (std::size_t i = 0; i < readers_.size();) {
    Reader& reader = *readers_[i];
    std::optional<Status> result;
    if (!raft_.is_leader()) {
      result.emplace(Code::not_leader);
    } else if (reader.target == 0 && raft_.may_read(reader.since, now)) {
      reader.target = raft_.commit();
    }
    if (!result && reader.target != 0 && raft_.applied_index() >= reader.target) result.emplace();
    if (!result && now >= reader.deadline) result.emplace(Code::timed_out);
    if (!result) {
      ++i;
      continue;
    }
    readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(i));
    reader.result = std::move(result);
    reader.parking.wake();
  }
}

void Group::fail_waiters(const Error& error) {
  for (auto& [index, proposal] : std::exchange(proposals_, {}))
    settle(*proposal, error.is(Code::not_found) ? Error(Code::outcome_unknown, "the replica was removed") : error);
  for (Reader* reader : std::exchange(readers_, {})) {
    reader->result.emplace(error);
    reader->parking.wake();
  }
}

}  // namespace vortex::dht::groups
