// The state of one partition, as a pure machine: the same commands at the same indices leave the same state and give
// the same outcomes, on whatever replica.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dht/partition/command.h"
#include "dht/partition/decisions.h"
#include "dht/partition/intents.h"
#include "dht/partition/record_map.h"
#include "dht/partition/sessions.h"

namespace vortex::dht {

// What applying a command gave. The record that did not meet a condition is still packed: its value may be elsewhere.
struct Applied {
  Outcome outcome;  // without `found`
  PackedRecordPtr found;
};

// What is there now. The transaction, where there is one, will write the key if it is committed or was: ask its home
// before believing the record.
struct Seen {
  PackedRecordPtr record;
  std::optional<TransactionId> writer;
};

struct SeenPage {
  std::vector<PackedRecordPtr> records;
  ByteVector next;
  std::vector<TransactionId> writers;
};

class Partition {
 public:
  explicit Partition(PartitionNumber number) : number_(number) {}

  // The command has been found valid. Indices grow.
  Applied apply(Version index, Command command);

  // Transactions whose home is here are pending as long as their intents are, so they are not named.
  Seen get(const Key& key) const;
  SeenPage scan(const Id& place, const ByteVector& from, const ByteVector& end, ScanLimits limits) const;
  TransactionState state_of(const TransactionId& transaction) const;

  // Where the value was moved to, unless the record has changed since.
  bool move_value(const KeyView& key, Version version, ByteView whereabouts);

  PartitionNumber number() const { return number_; }
  const RecordMap& records() const { return records_; }
  const Intents& intents() const { return intents_; }
  const Decisions& decisions() const { return decisions_; }
  const Sessions& sessions() const { return sessions_; }
  // What it takes of memory, of which the records are the most.
  std::size_t footprint() const;

  // All but the records.
  void encode_tables(Encoder& out) const;
  // Whole states come from snapshots: first the tables, then the records. False when they make no sense.
  bool decode_tables(Decoder& in);
  bool restore_record(const KeyView& key, Version version, ByteView value, bool elsewhere);

 private:
  Applied open_session(Version index);
  Applied close_session(std::uint64_t session);
  // Something when the operation is not to be executed now.
  std::optional<Applied> answered_before(const Command& command);
  Applied batch(Version index, const Command& command);
  Applied prepare(Version index, Command& command);
  Applied decide(const Command& command);
  Applied resolve(const Command& command);
  Applied finish(const Command& command);

  // Blocked or refused; nothing when the batch can be executed.
  std::optional<Applied> hindrance(const Batch& batch, const TransactionId& own);
  const PackedRecord* unmet(const Condition& condition, bool& met) const;
  void write(Version version, const std::vector<Write>& writes);
  void resolve_here(const TransactionId& transaction, bool commit);
  void release(std::uint64_t session, std::uint64_t below);

  PartitionNumber number_;
  RecordMap records_;
  Sessions sessions_;
  Intents intents_;
  Decisions decisions_;
};

}  // namespace vortex::dht
