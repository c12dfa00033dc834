#include "tests/unit/wal/value_store_model.h"

#include <algorithm>

#include "base/hash.h"

namespace vortex::wal::values {

Id model_id(std::uint64_t key) {
  std::string text = "value " + std::to_string(key);
  return sha256(as_bytes(text));
}

Buffer model_bytes(std::uint64_t key) {
  const Id id = model_id(key);
  // Many small ones, some of a few blocks.
  std::size_t size = static_cast<std::size_t>(id.prefix() % 3000);
  if (key % 7 == 0) size = static_cast<std::size_t>(id.prefix() % 40'000);
  if (key % 31 == 0) size = 130'000 + static_cast<std::size_t>(id.prefix() % 30'000);
  if (key % 41 == 5) size = 0;
  Buffer bytes = Buffer::allocate(size);
  std::uint64_t state = id.prefix() | 1;
  for (std::uint8_t& byte : bytes.writable()) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
  return bytes;
}

namespace {
using Event = ValueModel::Event;
using Kind = ValueModel::Event::Kind;

Event event_of(Kind kind, std::uint64_t n) {
  Event event;
  event.kind = kind;
  event.n = n;
  return event;
}
template <class T>
Event outcome_of(Kind kind, std::uint64_t n, const Result<T>& result) {
  Event event = event_of(kind, n);
  event.ok = result.ok();
  if (!result.ok()) event.code = result.error().code();
  return event;
}
Event read_of(Kind kind, std::uint64_t n, const Result<Value>& result) {
  Event event = outcome_of(kind, n, result);
  if (!result.ok()) return event;
  Buffer expected = model_bytes(n);
  event.flags = equal(result->bytes, expected) && result->form == static_cast<std::uint16_t>(n) ? 1 : 0;
  event.number = result->number;
  return event;
}
}  // namespace

void ValueModel::emit(const Event& event) {
  if (journal) journal(event);
  happened(event);
}

void ValueModel::put_begins(std::uint64_t n) { emit(event_of(Kind::put_begins, n)); }

void ValueModel::put_ended(std::uint64_t n, const Result<PutResult>& result) {
  Event event = outcome_of(Kind::put_ended, n, result);
  if (result.ok()) {
    event.flags = result->existed ? 1 : 0;
    event.number = result->number;
  }
  emit(event);
}

void ValueModel::erase_begins(std::uint64_t n) { emit(event_of(Kind::erase_begins, n)); }

void ValueModel::erase_ended(std::uint64_t n, CopyNumber up_to, const Result<Erased>& result) {
  Event event = outcome_of(Kind::erase_ended, n, result);
  if (result.ok()) event.flags = static_cast<std::uint8_t>(*result);
  event.number = up_to;
  emit(event);
}

std::vector<std::pair<std::uint64_t, CopyNumber>> ValueModel::sync_begins() const {
  std::vector<std::pair<std::uint64_t, CopyNumber>> covered;
  for (std::uint64_t n = 0; n < keys_.size(); ++n)
    if (keys_[n].staged && !keys_[n].numbers.empty()) covered.emplace_back(n, keys_[n].numbers.back());
  return covered;
}

void ValueModel::synced(const std::vector<std::pair<std::uint64_t, CopyNumber>>& covered) {
  ++syncs;
  for (auto& [n, number] : covered) {
    Event event = event_of(Kind::synced, n);
    event.number = number;
    emit(event);
  }
}

void ValueModel::got(std::uint64_t n, const Result<Value>& result) { emit(read_of(Kind::got, n, result)); }

void ValueModel::seen_after_crash(std::uint64_t n, const Result<Value>& result) {
  emit(read_of(Kind::seen_after_crash, n, result));
}

void ValueModel::happened(const Event& event) {
  Key& key = keys_[event.n];
  switch (event.kind) {
    case Kind::put_begins:
      ++puts;
      if (key.durable == Key::State::absent) key.durable = Key::State::unknown;
      break;
    case Kind::put_ended:
      on_put_ended(key, event);
      break;
    case Kind::erase_begins:
      ++erasures;
      key.erasing = true;
      if (key.durable == Key::State::present) key.durable = Key::State::unknown;
      break;
    case Kind::erase_ended:
      key.erasing = false;
      on_erase_ended(key, event);
      break;
    case Kind::synced:
      on_synced(key, event);
      break;
    case Kind::got:
      on_got(key, event, "at work");
      break;
    case Kind::seen_after_crash:
      on_got(key, event, "after a crash");
      if (event.ok) {
        if (event.number < key.durable_number) fault("a copy number went back");
        key.durable = Key::State::present;
        key.visible = true;
        key.durable_number = event.number;
        key.numbers.assign(1, event.number);
      } else if (event.code == Code::not_found) {
        key.durable = Key::State::absent;
        key.visible = false;
        key.numbers.clear();
        key.durable_number = CopyNumber();
      }
      break;
    case Kind::fault:
      fault("told by the journal");
      break;
  }
}

void ValueModel::on_put_ended(Key& key, const Event& event) {
  if (!event.ok) {
    if (key.visible != true) key.visible.reset();
    return;
  }
  if (key.visible == true && event.flags == 0) fault("put of bytes that were there did not find them");
  if (!key.numbers.empty() && event.number <= key.numbers.back()) fault("copy numbers do not rise");
  key.numbers.push_back(event.number);
  key.visible = true;
  key.staged = true;
}

void ValueModel::on_erase_ended(Key& key, const Event& event) {
  if (!event.ok) {
    key.visible.reset();
    return;
  }
  const auto erased = static_cast<Erased>(event.flags);
  if (erased == Erased::newer) {
    if (!key.numbers.empty() && event.number >= key.numbers.back() && key.visible.has_value())
      fault("erasing up to the newest copy was refused");
    if (key.visible == false) fault("an absent copy is said to be newer");
    if (key.durable_number > CopyNumber()) key.durable = Key::State::present;
    return;
  }
  if (erased == Erased::absent && key.visible == true) fault("a value that was there was called absent");
  if (key.visible == true && !key.numbers.empty() && event.number < key.numbers.back())
    fault("a copy newer than the one named was erased");
  key.durable = Key::State::absent;
  key.visible = false;
  key.staged = false;
  key.durable_number = CopyNumber();
  key.numbers.clear();
}

void ValueModel::on_synced(Key& key, const Event& event) {
  // An erasure has begun, or even ended, in the meantime: it will say what is true.
  if (std::find(key.numbers.begin(), key.numbers.end(), event.number) == key.numbers.end()) return;
  key.durable_number = std::max(key.durable_number, event.number);
  if (key.erasing) return;
  key.durable = Key::State::present;
  if (key.numbers.back() == event.number) key.staged = false;
}

void ValueModel::on_got(Key& key, const Event& event, const char* when) {
  ++reads;
  const std::string value = std::string(when) + ": value " + std::to_string(event.n);
  if (event.ok) {
    if (event.flags == 0) fault(value + " has wrong bytes");
    if (key.visible == false) fault(value + " came back");
  } else if (event.code == Code::not_found) {
    if (key.visible == true) fault(value + " is lost");
  } else if (event.code != Code::cancelled && event.code != Code::closed) {
    fault(value + ": " + code_info(event.code).name);
  }
}

void ValueModel::crashed() {
  for (Key& key : keys_) {
    key.busy = key.erasing = key.staged = false;
    key.visible.reset();
    if (key.durable == Key::State::present) key.visible = true;
    if (key.durable == Key::State::absent) key.visible = false;
  }
}

namespace {
Task<void> one_put(ValueStore& store, ValueModel& model, std::uint64_t n, bool by_touch) {
  ValueModel::Key& key = model.key(n);
  key.busy = true;
  model.put_begins(n);
  if (by_touch) {
    const bool visible = key.visible == true;
    auto result = co_await store.touch(model_id(n));
    key.busy = false;
    if (result.is(Code::not_found) && visible) model.fault("touch did not find a value");
    if (!result.is(Code::not_found)) model.put_ended(n, result);
    co_return;
  }
  auto result = co_await store.put(model_id(n), model_bytes(n), static_cast<std::uint16_t>(n));
  key.busy = false;
  model.put_ended(n, result);
}

Task<void> one_erase(ValueStore& store, ValueModel& model, std::uint64_t n, bool late) {
  ValueModel::Key& key = model.key(n);
  if (key.numbers.empty()) co_return;
  CopyNumber up_to = late ? key.numbers.front() : key.numbers.back();
  const bool durable_stays = late && up_to < key.durable_number;
  key.busy = true;
  if (!durable_stays) model.erase_begins(n);
  auto result = co_await store.erase(model_id(n), up_to);
  key.busy = false;
  if (durable_stays && result.ok() && *result != Erased::newer) model.fault("a late drop hit a newer copy");
  if (durable_stays) co_return;
  model.erase_ended(n, up_to, result);
}
}  // namespace

Task<void> random_client(Env& env, ValueStore& store, ValueModel& model, sim::Dice dice) {
  for (;;) {
    const std::uint64_t n = dice.below(model.size());
    const std::uint64_t what = dice.below(100);
    if (what < 20) {
      auto covered = model.sync_begins();
      std::vector<std::uint64_t> sequences;
      for (auto& [key, number] : covered)
        if (number.epoch == store.epoch()) sequences.push_back(number.sequence);
      auto status = co_await store.sync(store.epoch(), sequences);
      if (status.ok()) model.synced(covered);
      if (status.is(Code::cancelled)) co_return;
    } else if (model.key(n).busy) {
      auto slept = co_await sleep_for(env, microseconds(20));
      if (!slept.ok()) co_return;
    } else if (what < 50) {
      co_await one_put(store, model, n, false);
    } else if (what < 55) {
      co_await one_put(store, model, n, true);
    } else if (what < 80) {
      co_await one_erase(store, model, n, dice.below(4) == 0);
    } else {
      model.key(n).busy = true;
      auto result = co_await store.get(model_id(n));
      model.key(n).busy = false;
      model.got(n, result);
    }
    auto slept = co_await sleep_for(env, microseconds(static_cast<std::int64_t>(dice.below(60))));
    if (!slept.ok()) co_return;
  }
}

Task<void> random_upkeep(Env& env, ValueStore& store, sim::Dice dice) {
  for (;;) {
    auto slept = co_await sleep_for(env, microseconds(static_cast<std::int64_t>(dice.below(4000))));
    if (!slept.ok()) co_return;
    switch (dice.below(4)) {
      case 0: {
        auto status = co_await store.checkpoint();
        static_cast<void>(status);
        break;
      }
      case 1:
        store.seal_segments();
        break;
      default: {
        auto report = co_await store.reclaim();
        static_cast<void>(report);
        break;
      }
    }
  }
}

Task<Status> verify_after_crash(ValueStore& store, ValueModel& model) {
  for (std::uint64_t n = 0; n < model.size(); ++n) {
    auto result = co_await store.get(model_id(n));
    if (result.is(Code::cancelled) || result.is(Code::closed)) co_return std::move(result).error();
    if (store.has(model_id(n)) != result.ok()) model.fault("has() and get() disagree");
    model.seen_after_crash(n, result);
  }
  co_return Status();
}

}  // namespace vortex::wal::values
