#include "wal/audit.h"

#include <algorithm>

#include "base/endian.h"

namespace vortex::wal {

namespace {
// Far more records than an owner writes while a damaged log is kept.
constexpr std::uint64_t kDoubtGap = std::uint64_t(1) << 40;
}  // namespace

void OwnerAudit::missing(OwnerId owner, bool certain, Lsn after, Lsn before, std::uint64_t count) {
  HurtOwner hurt;
  hurt.owner = owner;
  hurt.certain = certain && count < kDoubtGap;
  hurt.after = after;
  hurt.before = before;
  hurt.missing = count < kDoubtGap ? count : 0;
  hurt_.push_back(hurt);
}

void OwnerAudit::advance(const RecordHeader& header, Lsn lsn, Lsn confirmed) {
  auto [at, added] = owners_.try_emplace(header.owner);
  State& state = at->second;
  if (added) {
    // Where the log begins, or behind a damage that may hide what this owner had before.
    if (header.sequence > 1 && !unknown_.empty())
      missing(header.owner, all_known_, Lsn(), lsn, all_known_ ? header.sequence - 1 : 0);
  } else if (header.sequence > state.sequence + 1) {
    missing(header.owner, true, state.confirmed, lsn, header.sequence - state.sequence - 1);
  } else if (header.sequence <= state.sequence) {
    missing(header.owner, true, state.confirmed, lsn, 0);  // it was dropped in between, and that is what is gone
  }
  state.sequence = header.sequence;
  state.confirmed = confirmed;
}

void OwnerAudit::record(const RecordHeader& header, Lsn lsn, ByteView payload) {
  if (header.type == RecordType::owner_table) return table(payload, lsn);
  advance(header, lsn, lsn);
  State& state = owners_[header.owner];
  switch (header.type) {
    case RecordType::data:
      if (state.spans.empty() || state.spans.back().segment != lsn.segment()) {
        state.spans.emplace_back().segment = lsn.segment();
      }
      state.spans.back().last = lsn;
      break;
    case RecordType::truncate:
      if (payload.size() == 8) state.truncated = std::max(state.truncated, Lsn(load_le<std::uint64_t>(payload.data())));
      break;
    case RecordType::drop:
      state.truncated = lsn;
      state.sequence = 0;
      break;
    case RecordType::owner_table:
      break;
  }
}

void OwnerAudit::damaged(const RecordHeader& header, Lsn lsn, Lsn end) {
  if (header.type == RecordType::owner_table) return;  // it repeats what others say
  advance(header, lsn, end);
  missing(header.owner, true, lsn, end, 1);
  State& state = owners_[header.owner];
  if (state.spans.empty() || state.spans.back().segment != lsn.segment()) {
    state.spans.emplace_back().segment = lsn.segment();
  }
  state.spans.back().last = lsn;
}

void OwnerAudit::unknown(Lsn from, Lsn to) {
  Place place;
  place.from = from;
  place.to = to;
  unknown_.push_back(place);
}

void OwnerAudit::table(ByteView payload, Lsn lsn) {
  auto listed = decode_owner_table(payload);
  if (!listed) return;
  last_table_ = lsn;
  if (unknown_.empty()) all_known_ = true;
  auto entry = listed->begin();
  for (auto& [owner, state] : owners_) {
    while (entry != listed->end() && entry->owner < owner) ++entry;
    if (entry != listed->end() && entry->owner == owner) continue;
    // It was dropped, though the record that says so is gone.
    if (state.sequence > 0) state.truncated = std::max(state.truncated, lsn);
    state.sequence = 0;
  }
  for (const OwnerState& known : *listed) {
    auto [at, added] = owners_.try_emplace(known.owner);
    State& state = at->second;
    if (added) {
      if (!unknown_.empty()) missing(known.owner, all_known_, Lsn(), lsn, all_known_ ? known.sequence : 0);
    } else if (known.sequence > state.sequence) {
      missing(known.owner, true, state.confirmed, lsn, known.sequence - state.sequence);
    }
    state.sequence = known.sequence;
    state.truncated = std::max(state.truncated, known.truncated);
    state.confirmed = lsn;
  }
}

Lsn OwnerAudit::damage_end(Lsn after, Lsn before) const {
  Lsn end;
  for (const Place& place : unknown_)
    if (place.to > after && place.from < before) end = std::max(end, std::min(place.to, before));
  return end == Lsn() ? before : end;
}

OwnerAudit::Verdict OwnerAudit::finish() {
  Verdict verdict;
  if (!unknown_.empty()) {
    const Place& last = unknown_.back();
    verdict.names_complete = last_table_ > last.to;
    for (auto& [owner, state] : owners_) {
      if (state.sequence == 0 || state.confirmed > last.from) continue;
      missing(owner, false, state.confirmed, last.to, 0);
      state.sequence += kDoubtGap;
    }
  }
  for (auto at = owners_.begin(); at != owners_.end();) {
    State& state = at->second;
    std::erase_if(state.spans, [&state](const Owner::Span& span) { return span.last < state.truncated; });
    at = state.sequence == 0 && state.spans.empty() ? owners_.erase(at) : std::next(at);
  }
  for (const HurtOwner& hurt : hurt_) {
    auto at = owners_.find(hurt.owner);
    if (at == owners_.end()) continue;
    // What is missing it does not need any more.
    if (at->second.truncated >= damage_end(hurt.after, hurt.before)) continue;
    verdict.hurt.push_back(hurt);
  }
  std::stable_sort(verdict.hurt.begin(), verdict.hurt.end(),
                   [](const HurtOwner& a, const HurtOwner& b) { return a.owner < b.owner; });
  return verdict;
}

}  // namespace vortex::wal
