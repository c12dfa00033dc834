// The part of a group's log that is in memory: everything since the last snapshot.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "dht/raft/types.h"

namespace vortex::dht::raft {

class Log {
 public:
  Log() = default;
  // A log that begins behind a snapshot taken at `index`, whose entry was written in `term`.
  Log(Index index, Term term) : base_index_(index), base_term_(term) {}

  Index base_index() const { return base_index_; }  // of the snapshot; its entry is gone, its term is known
  Index last_index() const { return base_index_ + entries_.size(); }
  Term last_term() const { return entries_.empty() ? base_term_ : entries_.back().term; }
  // Nothing for what is compacted away or not there yet.
  std::optional<Term> term_at(Index index) const;
  const Entry& at(Index index) const;
  bool has(Index index) const { return index > base_index_ && index <= last_index(); }
  // What the entries hold, for limits and back-pressure.
  std::size_t bytes() const { return bytes_; }

  // Copies of [from, …) up to `bytes_max`, at least one if there is one.
  std::vector<Entry> copy_from(Index from, std::size_t bytes_max) const;
  // The first index written in the term of `index`, as far as this log goes back.
  Index first_of_term(Index index) const;

  void append(Entry entry);
  void truncate_from(Index index);
  // Forgets the entries up to `index`, which a snapshot now holds.
  void compact_to(Index index);
  // Forgets everything: a snapshot of somebody else's replaces it.
  void restart_at(Index index, Term term);

 private:
  static std::size_t cost(const Entry& entry) { return sizeof(Entry) + entry.data.size(); }

  Index base_index_ = 0;
  Term base_term_ = 0;
  std::deque<Entry> entries_;  // entries_[i].index == base_index_ + 1 + i; terms never decrease
  std::size_t bytes_ = 0;
};

}  // namespace vortex::dht::raft
