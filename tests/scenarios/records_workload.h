// Clients that use records in every way at once and write down what they saw; and a bank on top of transactions.
#pragma once

#include <functional>
#include <memory>

#include "dht/records.h"
#include "tests/checkers/history.h"
#include "tests/sim/world.h"

namespace vortex::sim {

struct RecordsPlan {
  std::size_t places = 5;
  std::size_t names = 3;  // in each place
  std::size_t accounts = 6;
  std::uint64_t deposit = 100;  // in each account
  Duration timeout = seconds(4);
  Duration pause_max = milliseconds(60);  // between two operations of a client
  std::size_t value_size = 24;
  std::size_t large_size = 3000;  // now and then
};

// Outside of the world: what clients did, whoever of them is still alive.
class RecordsWorkload {
 public:
  RecordsWorkload(World& world, RecordsPlan plan) : world_(world), plan_(plan) {}

  // Goes on until it is cancelled. Each client has a number of its own, also after a restart.
  Task<void> client(Env& env, dht::Records& records);
  // Moves money between accounts, and looks whether it is all there.
  Task<void> teller(Env& env, dht::Records& records);
  // All accounts at once, with time enough. The sum must be right.
  Task<Status> audit(Env& env, dht::Records& records, Duration timeout);
  // Every key once, so that the history says how it ended.
  Task<Status> read_all(Env& env, dht::Records& records, Duration timeout);

  const dht::History& history() const { return history_; }
  // A violation, when there is one.
  void check();

  std::uint64_t done = 0, refused = 0, nothing = 0, unknown = 0, reads = 0, transfers = 0, audits = 0;

 private:
  struct Knowledge;
  dht::Key key(std::size_t place, std::size_t name) const;
  dht::Key account(std::size_t number) const;
  dht::Key any_key(Random& random) const { return key(random.below(plan_.places), random.below(plan_.names)); }
  ByteVector value(Random& random, std::uint64_t number);
  Task<Status> get_one(dht::Key key, dht::Records& records, Knowledge& knows);
  Task<Status> scan_one(Env& env, dht::Records& records, Knowledge& knows);
  Task<Status> commit_one(dht::Batch batch, dht::Records& records, Knowledge& knows);
  Task<Status> skew_one(Env& env, dht::Records& records, Knowledge& knows);
  dht::Batch draw_batch(Random& random, const Knowledge& knows);
  Task<Status> transfer(Env& env, dht::Records& records);
  Task<Status> open_bank(Env& env, dht::Records& records);
  Duration now() const { return world_.now(); }

  World& world_;
  const RecordsPlan plan_;
  dht::History history_;
  std::uint64_t clients_ = 0;
  bool bank_open_ = false;
};

}  // namespace vortex::sim
