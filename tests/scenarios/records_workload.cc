#include "tests/scenarios/records_workload.h"

#include <algorithm>
#include <map>

#include "base/endian.h"
#include "tests/checkers/linearizability.h"

namespace vortex::sim {

using dht::Batch;
using dht::Condition;
using dht::HistoryRead;
using dht::Key;
using dht::Must;
using dht::Record;
using dht::Version;
using dht::Write;

// What a client has last seen of each key; it may be old.
struct RecordsWorkload::Knowledge {
  std::uint64_t client = 0;
  std::map<Key, Version> versions;

  void saw(const Key& key, const std::optional<Record>& record) { versions[key] = record ? record->version : 0; }
  Version version(const Key& key) const {
    auto at = versions.find(key);
    return at == versions.end() ? 0 : at->second;
  }
};

Key RecordsWorkload::key(std::size_t place, std::size_t name) const {
  Key key;
  key.place.bytes[0] = static_cast<std::uint8_t>(place + 1);
  key.name = ByteVector(1, static_cast<std::uint8_t>('a' + name));
  return key;
}

Key RecordsWorkload::account(std::size_t number) const {
  Key key;
  key.place.bytes[0] = 100;
  key.place.bytes[1] = static_cast<std::uint8_t>(number);
  key.name = to_vector(as_bytes("balance"));
  return key;
}

ByteVector RecordsWorkload::value(Random& random, std::uint64_t number) {
  const std::size_t size = random.chance(0.1) ? plan_.large_size : plan_.value_size;
  return dht::History::value(number, random.next(), size);
}

Task<void> RecordsWorkload::client(Env& env, dht::Records& records) {
  Knowledge knows;
  knows.client = ++clients_;
  while (true) {
    const double dice = env.random().unit();
    Status ended;
    if (dice < 0.3) {
      dht::Key key = any_key(env.random());
      ended = co_await get_one(std::move(key), records, knows);
    } else if (dice < 0.4) {
      ended = co_await scan_one(env, records, knows);
    } else if (dice < 0.5) {
      ended = co_await skew_one(env, records, knows);
    } else {
      Batch batch = draw_batch(env.random(), knows);
      ended = co_await commit_one(std::move(batch), records, knows);
    }
    if (ended.is(Code::cancelled)) co_return;
    Status slept =
        co_await sleep_for(env, Duration(env.random().below(static_cast<std::uint64_t>(plan_.pause_max.count()))));
    if (!slept.ok()) co_return;
  }
}

Task<Status> RecordsWorkload::get_one(Key key, dht::Records& records, Knowledge& knows) {
  HistoryRead read;
  read.key = std::move(key);
  const std::size_t operation = history_.call_read(knows.client, now());
  auto record = co_await records.get(read.key, plan_.timeout);
  if (!record.ok()) {
    if (!record.is(Code::cancelled)) history_.failed(operation, now());
    co_return record.error();
  }
  knows.saw(read.key, *record);
  read.seen = std::move(*record);
  std::vector<HistoryRead> seen;
  seen.push_back(std::move(read));
  history_.read(operation, now(), std::move(seen));
  ++reads;
  co_return Status();
}

Task<Status> RecordsWorkload::scan_one(Env& env, dht::Records& records, Knowledge& knows) {
  const std::size_t place = env.random().below(plan_.places);
  const std::size_t operation = history_.call_read(knows.client, now());
  ByteVector start, end;
  auto page = co_await records.scan(key(place, 0).place, start, end, dht::ScanLimits(), plan_.timeout);
  if (!page.ok()) {
    if (!page.is(Code::cancelled)) history_.failed(operation, now());
    co_return page.error();
  }
  std::vector<HistoryRead> seen;
  for (std::size_t name = 0; name < plan_.names; ++name) {
    HistoryRead read;
    read.key = key(place, name);
    for (const Record& record : page->records)
      if (record.key == read.key) read.seen = record;
    knows.saw(read.key, read.seen);
    seen.push_back(std::move(read));
  }
  history_.read(operation, now(), std::move(seen));
  ++reads;
  co_return Status();
}

Batch RecordsWorkload::draw_batch(Random& random, const Knowledge& knows) {
  Batch batch;
  const std::uint64_t number = history_.next_number();
  // Half of them touch one key, others several in one place or anywhere.
  const bool spread = random.chance(0.5);
  const std::size_t place = random.below(plan_.places);
  const std::size_t count = random.chance(0.5) ? 1 : 1 + random.below(3);
  std::map<Key, bool> keys;
  for (std::size_t i = 0; i < count; ++i)
    keys[spread ? any_key(random) : key(place, random.below(plan_.names))] = random.chance(0.75);
  if (random.chance(0.08)) {
    Condition empty;
    empty.key = key(random.below(plan_.places), random.below(plan_.names));
    empty.must = Must::range_empty;
    batch.conditions.push_back(std::move(empty));
  }
  for (const auto& [key, put] : keys) {
    Condition condition;
    condition.key = key;
    condition.version = knows.version(key);
    if (random.chance(0.15)) condition.must = Must::exist;
    if (random.chance(0.75)) batch.conditions.push_back(std::move(condition));
    Write write;
    write.key = key;
    if (put) write.value = value(random, number);
    if (random.chance(0.85) || batch.conditions.empty()) batch.writes.push_back(std::move(write));
  }
  return batch;
}

// Two look at both of two records, and each changes another one: one of them must be refused.
Task<Status> RecordsWorkload::skew_one(Env& env, dht::Records& records, Knowledge& knows) {
  const std::size_t pair = env.random().below(plan_.places / 2);
  const std::size_t changed = env.random().below(2);
  const Key keys[2] = {key(2 * pair, 0), key(2 * pair + 1, 0)};
  Batch batch;
  for (const Key& one : keys) {
    Status seen = co_await get_one(one, records, knows);
    if (!seen.ok()) co_return seen;
    Condition unchanged;
    unchanged.key = one;
    unchanged.version = knows.version(one);
    batch.conditions.push_back(std::move(unchanged));
  }
  Write write;
  write.key = keys[changed];
  write.value = value(env.random(), history_.next_number());
  batch.writes.push_back(std::move(write));
  co_return co_await commit_one(std::move(batch), records, knows);
}

Task<Status> RecordsWorkload::commit_one(Batch batch, dht::Records& records, Knowledge& knows) {
  const std::size_t operation = history_.call_commit(knows.client, now(), batch);
  auto commit = co_await records.commit(batch, plan_.timeout);
  if (commit.is(Code::cancelled)) co_return Code::cancelled;
  history_.committed(operation, now(), commit);
  if (!commit.ok()) {
    commit.is(Code::outcome_unknown) ? ++unknown : ++nothing;
    co_return commit.error();
  }
  commit->done ? ++done : ++refused;
  for (std::size_t i = 0; commit->done && i < batch.writes.size(); ++i)
    knows.versions[batch.writes[i].key] = batch.writes[i].value ? commit->versions[i] : 0;
  if (!commit->done && commit->found) knows.saw(commit->found->key, commit->found);
  if (!commit->done && !commit->found) knows.versions[batch.conditions.at(commit->failed).key] = 0;
  co_return Status();
}

Task<Status> RecordsWorkload::open_bank(Env& env, dht::Records& records) {
  Batch batch;
  for (std::size_t i = 0; i < plan_.accounts; ++i) {
    Condition absent;
    absent.key = account(i);
    batch.conditions.push_back(std::move(absent));
    Write write;
    write.key = account(i);
    write.value.emplace(sizeof(std::uint64_t));
    store_le(write.value->data(), plan_.deposit);
    batch.writes.push_back(std::move(write));
  }
  auto opened = co_await records.commit(std::move(batch), plan_.timeout);
  if (!opened.ok()) co_return opened.error();
  bank_open_ = true;
  co_return co_await sleep_for(env, milliseconds(1));
}

Task<void> RecordsWorkload::teller(Env& env, dht::Records& records) {
  while (true) {
    Status ended;
    if (!bank_open_) {
      ended = co_await open_bank(env, records);
    } else if (env.random().chance(0.15)) {
      ended = co_await audit(env, records, plan_.timeout);
    } else {
      ended = co_await transfer(env, records);
    }
    if (ended.is(Code::cancelled)) co_return;
    Status slept =
        co_await sleep_for(env, Duration(env.random().below(static_cast<std::uint64_t>(plan_.pause_max.count()))));
    if (!slept.ok()) co_return;
  }
}

Task<Status> RecordsWorkload::transfer(Env& env, dht::Records& records) {
  const std::size_t from = env.random().below(plan_.accounts);
  const std::size_t to = (from + 1 + env.random().below(plan_.accounts - 1)) % plan_.accounts;
  Batch batch;
  std::uint64_t balances[2] = {};
  const std::size_t numbers[2] = {from, to};
  for (int i = 0; i < 2; ++i) {
    CO_ASSIGN_OR_RETURN(auto record, co_await records.get(account(numbers[i]), plan_.timeout));
    if (!record) co_return Status();
    balances[i] = load_le<std::uint64_t>(record->value.data());
    Condition unchanged;
    unchanged.key = record->key;
    unchanged.version = record->version;
    batch.conditions.push_back(std::move(unchanged));
  }
  const std::uint64_t amount = env.random().below(balances[0] + 1);
  balances[0] -= amount;
  balances[1] += amount;
  for (int i = 0; i < 2; ++i) {
    Write write;
    write.key = account(numbers[i]);
    write.value.emplace(sizeof(std::uint64_t));
    store_le(write.value->data(), balances[i]);
    batch.writes.push_back(std::move(write));
  }
  CO_ASSIGN_OR_RETURN(dht::Commit commit, co_await records.commit(std::move(batch), plan_.timeout));
  transfers += commit.done;
  co_return Status();
}

Task<Status> RecordsWorkload::audit(Env& env, dht::Records& records, Duration timeout) {
  const Instant deadline = env.now() + timeout;
  while (env.now() < deadline) {
    Batch unchanged;
    std::uint64_t sum = 0;
    std::size_t found = 0;
    for (std::size_t i = 0; i < plan_.accounts; ++i) {
      CO_ASSIGN_OR_RETURN(auto record, co_await records.get(account(i), timeout));
      Condition condition;
      condition.key = account(i);
      condition.version = record ? record->version : 0;
      unchanged.conditions.push_back(std::move(condition));
      if (record) sum += load_le<std::uint64_t>(record->value.data());
      found += record.has_value();
    }
    // All of it was there at one moment only if all of it is unchanged.
    CO_ASSIGN_OR_RETURN(dht::Commit commit, co_await records.commit(std::move(unchanged), timeout));
    if (!commit.done) continue;
    ++audits;
    if (found != 0 && (found != plan_.accounts || sum != plan_.accounts * plan_.deposit))
      world_.violation(Verdict::safety, std::to_string(found) + " accounts hold " + std::to_string(sum) + " together");
    co_return Status();
  }
  co_return Code::timed_out;
}

Task<Status> RecordsWorkload::read_all(Env& env, dht::Records& records, Duration timeout) {
  const Instant deadline = env.now() + timeout;
  const std::uint64_t client = ++clients_;
  for (std::size_t place = 0; place < plan_.places; ++place)
    for (std::size_t name = 0; name < plan_.names; ++name) {
      HistoryRead read;
      read.key = key(place, name);
      const std::size_t operation = history_.call_read(client, now());
      auto record = co_await records.get(read.key, deadline - env.now());
      if (!record.ok()) {
        history_.failed(operation, now());
        co_return record.error();
      }
      read.seen = std::move(*record);
      std::vector<HistoryRead> seen;
      seen.push_back(std::move(read));
      history_.read(operation, now(), std::move(seen));
    }
  co_return Status();
}

void RecordsWorkload::check() {
  auto result = dht::check_linearizability(history_);
  if (result.verdict == dht::LinearizabilityResult::Verdict::holds) return;
  const bool violated = result.verdict == dht::LinearizabilityResult::Verdict::violated;
  world_.violation(Verdict::safety, (violated ? "" : "undecided: ") + result.text);
}

}  // namespace vortex::sim
