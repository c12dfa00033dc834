// What must be true of a value store, kept outside it: crashes of the store do not touch it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/dice.h"
#include "wal/value_store/store.h"

namespace vortex::wal::values {

// The id of the n-th value, and the only bytes that may ever be read under it.
Id model_id(std::uint64_t key);
Buffer model_bytes(std::uint64_t key);

// One operation at a time on each key, told before and after. Anything that contradicts it is kept as a fault.
class ValueModel {
 public:
  struct Key {
    enum class State { absent, present, unknown } durable = State::absent;  // what a crash now would have to leave
    std::optional<bool> visible = false;  // what a read now must find; nothing: either
    std::vector<CopyNumber> numbers;      // acknowledged, in their order
    CopyNumber durable_number;            // the highest that a sync vouched for
    bool staged = false;                  // put since the last sync of it
    bool busy = false;                    // an operation is under way
    bool erasing = false;                 // it is one that may erase it
  };

  explicit ValueModel(std::size_t keys) : keys_(keys) {}
  Key& key(std::uint64_t n) { return keys_[n]; }
  std::size_t size() const { return keys_.size(); }

  // Everything that happens passes through here, so that a journal of it can be kept elsewhere and played back.
  struct Event {
    enum class Kind : std::uint8_t {
      put_begins,
      put_ended,
      erase_begins,
      erase_ended,
      synced,
      got,
      seen_after_crash,
      fault
    };
    Kind kind = Kind::put_begins;
    std::uint64_t n = 0;
    Code code = Code::internal;  // of a failure
    bool ok = false;
    std::uint8_t flags = 0;  // put: existed; erase: Erased; got: bytes right
    CopyNumber number;       // put: its own; erase: up to; synced: which
  };
  void happened(const Event& event);
  std::function<void(const Event&)> journal;

  void put_begins(std::uint64_t n);
  void put_ended(std::uint64_t n, const Result<PutResult>& result);
  void erase_begins(std::uint64_t n);
  void erase_ended(std::uint64_t n, CopyNumber up_to, const Result<Erased>& result);
  // The keys a sync that begins now must make durable.
  std::vector<std::pair<std::uint64_t, CopyNumber>> sync_begins() const;
  void synced(const std::vector<std::pair<std::uint64_t, CopyNumber>>& covered);
  void got(std::uint64_t n, const Result<Value>& result);
  // The first look after a crash: whatever is there is durable from now on.
  void seen_after_crash(std::uint64_t n, const Result<Value>& result);
  // The process is gone: what was visible only is not any more.
  void crashed();
  void fault(std::string text) { faults_.push_back(std::move(text)); }
  const std::vector<std::string>& faults() const { return faults_; }
  std::string first_fault() const { return faults_.empty() ? std::string() : faults_.front(); }

  std::uint64_t reads = 0, puts = 0, erasures = 0, syncs = 0;

 private:
  void emit(const Event& event);
  void on_put_ended(Key& key, const Event& event);
  void on_erase_ended(Key& key, const Event& event);
  void on_synced(Key& key, const Event& event);
  void on_got(Key& key, const Event& event, const char* when);
  std::vector<Key> keys_;
  std::vector<std::string> faults_;
};

// A client that does random things to the store until it is cancelled.
Task<void> random_client(Env& env, ValueStore& store, ValueModel& model, sim::Dice dice);
// Checkpoints, seals and reclaims at random until it is cancelled.
Task<void> random_upkeep(Env& env, ValueStore& store, sim::Dice dice);
// Reads every value once after an opening.
Task<Status> verify_after_crash(ValueStore& store, ValueModel& model);

}  // namespace vortex::wal::values
