#include "dht/raft/log.h"

#include <utility>

#include "base/check.h"

namespace vortex::dht::raft {

std::optional<Term> Log::term_at(Index index) const {
  if (index == base_index_) return base_term_;
  if (!has(index)) return std::nullopt;
  return at(index).term;
}

const Entry& Log::at(Index index) const {
  CHECK(has(index));
  return entries_[index - base_index_ - 1];
}

std::vector<Entry> Log::copy_from(Index from, std::size_t bytes_max) const {
  std::vector<Entry> copies;
  std::size_t size = 0;
  for (Index index = from; has(index); ++index) {
    size += cost(at(index));
    if (!copies.empty() && size > bytes_max) break;
    copies.push_back(at(index));
  }
  return copies;
}

Index Log::first_of_term(Index index) const {
  Term term = *term_at(index);
  while (index > base_index_ + 1 && term_at(index - 1) == term) --index;
  return index;
}

void Log::append(Entry entry) {
  CHECK(entry.index == last_index() + 1 && entry.term >= last_term());
  bytes_ += cost(entry);
  entries_.push_back(std::move(entry));
}

void Log::truncate_from(Index index) {
  CHECK(index > base_index_);
  while (last_index() >= index) {
    bytes_ -= cost(entries_.back());
    entries_.pop_back();
  }
}

void Log::compact_to(Index index) {
  CHECK(index >= base_index_ && index <= last_index());
  Term term = *term_at(index);
  for (; base_index_ < index; ++base_index_) {
    bytes_ -= cost(entries_.front());
    entries_.pop_front();
  }
  base_term_ = term;
}

void Log::restart_at(Index index, Term term) {
  entries_.clear();
  bytes_ = 0;
  base_index_ = index;
  base_term_ = term;
}

}  // namespace vortex::dht::raft
