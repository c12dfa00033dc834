// Transactions that are prepared here: what they will write, and whom they keep out until they are resolved.
#pragma once

#include <map>
#include <vector>

#include "dht/partition/command.h"
#include "dht/partition/record_map.h"

namespace vortex::dht {

// A key that a transaction writes is closed to every other condition and write; a key it only has a condition on is
// closed to writes, and so is a range it wants empty. Part of the replicated state.
class Intents {
 public:
  struct Prepared {
    Version version = 0;  // of everything it writes: the index at which it was prepared
    Batch batch;
    VORTEX_FIELDS(version, batch)
  };

  // Transactions other than `own` that are in the way of the batch, some of them, each once.
  std::vector<TransactionId> blocking(const Batch& batch, const TransactionId& own) const;
  void add(const TransactionId& transaction, Prepared prepared);
  bool holds(const TransactionId& transaction) const { return prepared_.contains(transaction); }
  // Takes the transaction's intents away; nothing when it has none.
  std::optional<Prepared> take(const TransactionId& transaction);

  // Who will write this key, or a key in [from, end).
  std::optional<TransactionId> writer(const Key& key) const;
  void writers(const Id& place, const ByteVector& from, const ByteVector& end, std::vector<TransactionId>& into) const;

  const std::map<TransactionId, Prepared>& prepared() const { return prepared_; }
  bool empty() const { return prepared_.empty(); }
  std::size_t size() const { return prepared_.size(); }
  std::size_t footprint() const { return footprint_; }

 private:
  struct Lock {
    std::optional<TransactionId> writer;
    std::vector<TransactionId> readers;
  };
  struct RangeLock {
    ByteVector from, end;
    TransactionId transaction;
  };
  void blocking_condition(const Condition& condition, const TransactionId& own, std::vector<TransactionId>& into) const;
  void blocking_write(const Key& key, const TransactionId& own, std::vector<TransactionId>& into) const;
  void unlock(const Key& key, const TransactionId& transaction);

  std::map<TransactionId, Prepared> prepared_;
  // Follow from prepared_.
  std::map<Key, Lock> locks_;
  std::multimap<Id, RangeLock> ranges_;
  std::size_t footprint_ = 0;
};

// Does [from, end) hold the name? An empty end is the end of the place.
inline bool in_range(const ByteVector& name, const ByteVector& from, const ByteVector& end) {
  return name >= from && (end.empty() || name < end);
}

}  // namespace vortex::dht
