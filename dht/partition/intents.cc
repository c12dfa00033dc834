#include "dht/partition/intents.h"

#include <algorithm>

#include "dht/partition/limits.h"

namespace vortex::dht {

namespace {

void note_blocker(const TransactionId& other, const TransactionId& own, std::vector<TransactionId>& into) {
  if (other == own || into.size() >= kBlockersMax) return;
  if (std::find(into.begin(), into.end(), other) == into.end()) into.push_back(other);
}

std::size_t batch_footprint(const Batch& batch) {
  std::size_t bytes = 128;
  for (const Condition& condition : batch.conditions)
    bytes += sizeof(Condition) + 200 + 2 * condition.key.name.size() + condition.end.size();
  for (const Write& write : batch.writes)
    bytes += sizeof(Write) + 200 + 2 * write.key.name.size() + (write.value ? write.value->size() : 0);
  return bytes;
}

}  // namespace

std::vector<TransactionId> Intents::blocking(const Batch& batch, const TransactionId& own) const {
  std::vector<TransactionId> blockers;
  if (prepared_.empty()) return blockers;
  for (const Condition& condition : batch.conditions) blocking_condition(condition, own, blockers);
  for (const Write& write : batch.writes) blocking_write(write.key, own, blockers);
  return blockers;
}

void Intents::blocking_condition(const Condition& condition, const TransactionId& own,
                                 std::vector<TransactionId>& into) const {
  if (condition.must != Must::range_empty) {
    if (auto other = writer(condition.key)) note_blocker(*other, own, into);
    return;
  }
  std::vector<TransactionId> others;
  writers(condition.key.place, condition.key.name, condition.end, others);
  for (const TransactionId& other : others) note_blocker(other, own, into);
}

void Intents::blocking_write(const Key& key, const TransactionId& own, std::vector<TransactionId>& into) const {
  if (auto at = locks_.find(key); at != locks_.end()) {
    if (at->second.writer) note_blocker(*at->second.writer, own, into);
    for (const TransactionId& reader : at->second.readers) note_blocker(reader, own, into);
  }
  auto [first, last] = ranges_.equal_range(key.place);
  for (; first != last; ++first)
    if (in_range(key.name, first->second.from, first->second.end)) note_blocker(first->second.transaction, own, into);
}

void Intents::add(const TransactionId& transaction, Prepared prepared) {
  for (const Condition& condition : prepared.batch.conditions) {
    if (condition.must == Must::range_empty) {
      RangeLock lock;
      lock.from = condition.key.name;
      lock.end = condition.end;
      lock.transaction = transaction;
      ranges_.emplace(condition.key.place, std::move(lock));
      continue;
    }
    auto& readers = locks_[condition.key].readers;
    if (std::find(readers.begin(), readers.end(), transaction) == readers.end()) readers.push_back(transaction);
  }
  for (const Write& write : prepared.batch.writes) locks_[write.key].writer = transaction;
  footprint_ += batch_footprint(prepared.batch);
  prepared_.emplace(transaction, std::move(prepared));
}

std::optional<Intents::Prepared> Intents::take(const TransactionId& transaction) {
  auto at = prepared_.find(transaction);
  if (at == prepared_.end()) return std::nullopt;
  Prepared prepared = std::move(at->second);
  prepared_.erase(at);
  footprint_ -= batch_footprint(prepared.batch);
  for (const Condition& condition : prepared.batch.conditions) {
    if (condition.must != Must::range_empty) {
      unlock(condition.key, transaction);
      continue;
    }
    auto [first, last] = ranges_.equal_range(condition.key.place);
    while (first != last) first = first->second.transaction == transaction ? ranges_.erase(first) : std::next(first);
  }
  for (const Write& write : prepared.batch.writes) unlock(write.key, transaction);
  return prepared;
}

void Intents::unlock(const Key& key, const TransactionId& transaction) {
  auto at = locks_.find(key);
  if (at == locks_.end()) return;
  Lock& lock = at->second;
  if (lock.writer == transaction) lock.writer.reset();
  std::erase(lock.readers, transaction);
  if (!lock.writer && lock.readers.empty()) locks_.erase(at);
}

std::optional<TransactionId> Intents::writer(const Key& key) const {
  if (locks_.empty()) return std::nullopt;
  auto at = locks_.find(key);
  return at == locks_.end() ? std::nullopt : at->second.writer;
}

void Intents::writers(const Id& place, const ByteVector& from, const ByteVector& end,
                      std::vector<TransactionId>& into) const {
  if (locks_.empty()) return;
  Key first;
  first.place = place;
  first.name = from;
  for (auto at = locks_.lower_bound(first); at != locks_.end() && at->first.place == place; ++at) {
    if (!end.empty() && at->first.name >= end) return;
    if (!at->second.writer) continue;
    if (std::find(into.begin(), into.end(), *at->second.writer) == into.end()) into.push_back(*at->second.writer);
  }
}

}  // namespace vortex::dht
