#include "dht/joining/decision_book.h"

#include <algorithm>

#include "base/hash.h"
#include "net/hello.h"

namespace vortex::dht {

namespace {

constexpr std::uint8_t kDecisionFormat = 1;
// Rivals are few, and each round one of them succeeds.
constexpr int kDecideTries = 50;

// Names of records: one letter, and the id where there is one for each member.
ByteVector latest_name() { return ByteVector{'l'}; }
ByteVector settings_name() { return ByteVector{'s'}; }
ByteVector keys_name() { return ByteVector{'k'}; }
ByteVector member_name(const NodeId& id) {
  ByteVector name(1 + id.bytes.size(), 'm');
  std::copy(id.bytes.begin(), id.bytes.end(), name.begin() + 1);
  return name;
}

Key key_of(ByteVector name) {
  Key key;
  key.place = DecisionBook::place();
  key.name = std::move(name);
  return key;
}

// Every record begins with its format.
template <class T>
ByteVector sealed(const T& value) {
  ByteVector bytes;
  Encoder encoder(bytes);
  encoder(kDecisionFormat, value);
  return bytes;
}

template <class T>
Result<T> unsealed(ByteView bytes) {
  Decoder decoder(bytes);
  std::uint8_t format = 0;
  T value{};
  decoder(format);
  if (format != kDecisionFormat)
    return Error(Code::unsupported_version, "a decision in format " + std::to_string(format));
  decoder.get(value);
  if (!decoder.finished()) return Error(Code::damaged, "a decision cannot be read");
  return value;
}

void expect_version(Batch& batch, ByteVector name, Version version) {
  Condition& unchanged = batch.conditions.emplace_back();
  unchanged.key = key_of(std::move(name));
  unchanged.version = version;
}

template <class T>
void put(Batch& batch, ByteVector name, const T& value) {
  Write& write = batch.writes.emplace_back();
  write.key = key_of(std::move(name));
  write.value = sealed(value);
}

// What no directory would take in is not decided either.
Error zone_too_long() { return Error(Code::invalid_argument, "the zone's name is too long"); }

// Whoever follows the decisions looks at this one record.
void note_change(Batch& batch) {
  Write& write = batch.writes.emplace_back();
  write.key = key_of(latest_name());
  write.value = ByteVector{kDecisionFormat};
}

}  // namespace

struct DecisionBook::Keys {
  std::vector<net::ClusterKeyCopy> keys;  // newest first
  std::uint32_t wanted = 0;               // epoch that there should be

  bool due() const { return !keys.empty() && wanted > keys.front().epoch; }
  VORTEX_FIELDS(keys, wanted)
};

Decision decision_of(const Member& member) {
  Decision decision;
  decision.decided = member.decided;
  decision.standing = member.standing;
  decision.capacity = member.capacity;
  decision.zone = member.zone;
  return decision;
}

Id DecisionBook::place() { return sha256(as_bytes("vortex decisions")); }

template <class T>
Task<Result<std::pair<Version, std::optional<T>>>> DecisionBook::read(ByteVector name, Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::optional<Record> found, co_await records_.get(key_of(std::move(name)), timeout));
  std::pair<Version, std::optional<T>> result(0, std::nullopt);
  if (!found) co_return result;
  CO_ASSIGN_OR_RETURN(result.second, unsealed<T>(found->value));
  result.first = found->version;
  co_return result;
}

Task<Status> DecisionBook::found(NodeId maker, Decision about, net::ClusterSettings settings,
                                 std::vector<net::ClusterKey> keys, Duration timeout) {
  Keys first;
  for (const net::ClusterKey& key : keys) {
    net::ClusterKeyCopy& copy = first.keys.emplace_back();
    copy.epoch = key.epoch;
    copy.secret = key.secret;
  }
  Batch batch;
  expect_version(batch, settings_name(), 0);
  put(batch, member_name(maker), about);
  put(batch, settings_name(), settings);
  put(batch, keys_name(), first);
  note_change(batch);
  CO_ASSIGN_OR_RETURN(Commit commit, co_await records_.commit(std::move(batch), timeout));
  (void)commit;  // not done: it was done before
  co_return Status();
}

Task<Result<Decision>> DecisionBook::decide(NodeId id, Change change, Duration timeout) {
  Instant deadline = env_.now() + timeout;
  for (int i = 0; i < kDecideTries && env_.now() < deadline; ++i) {
    CO_ASSIGN_OR_RETURN(auto known, co_await read<Decision>(member_name(id), deadline - env_.now()));
    std::optional<Decision>& decision = known.second;
    bool was_out = decision && decision->standing == Standing::evicted;
    CO_ASSIGN_OR_RETURN(bool changes, change(decision));
    if (!changes) co_return *decision;
    ++decision->decided;
    Batch batch;
    expect_version(batch, member_name(id), known.first);
    put(batch, member_name(id), *decision);
    if (decision->standing == Standing::evicted && !was_out) {
      CO_ASSIGN_OR_RETURN(auto keys, co_await read<Keys>(keys_name(), deadline - env_.now()));
      if (!keys.second || keys.second->keys.empty()) co_return Error(Code::damaged, "the record of the secret is lost");
      keys.second->wanted = keys.second->keys.front().epoch + 1;
      expect_version(batch, keys_name(), keys.first);
      put(batch, keys_name(), *keys.second);
    }
    note_change(batch);
    auto commit = co_await records_.commit(std::move(batch), deadline - env_.now());
    if (commit.ok() && commit->done) co_return *decision;
    // Where the outcome is unknown, the next look tells it.
    if (!commit.ok() && !commit.is(Code::outcome_unknown)) co_return std::move(commit).error();
  }
  if (env_.now() >= deadline) co_return Code::timed_out;
  co_return Error(Code::busy, "too many decide about this member at once");
}

Task<Result<Decision>> DecisionBook::admit(NodeId id, std::string zone, std::uint64_t capacity, Duration timeout) {
  if (zone.size() > kZoneNameMax) co_return zone_too_long();
  Change change = [zone = std::move(zone), capacity](std::optional<Decision>& decision) -> Result<bool> {
    if (!decision) decision.emplace();
    if (decision->standing == Standing::evicted)
      return Error(Code::permission_denied, "this node was evicted from the cluster");
    bool in = belongs(decision->standing) && decision->standing != Standing::joining;
    if (in) return false;
    decision->standing = Standing::active;
    decision->zone = zone;
    decision->capacity = capacity;
    return true;
  };
  co_return co_await decide(id, std::move(change), timeout);
}

Task<Result<Decision>> DecisionBook::set_standing(NodeId id, Standing standing, Duration timeout) {
  Change change = [standing](std::optional<Decision>& decision) -> Result<bool> {
    if (!decision) return Error(Code::not_found, "no such member");
    if (decision->standing == standing) return false;
    if (decision->standing == Standing::evicted)
      return Error(Code::precondition_failed, "whoever was evicted stays out");
    decision->standing = standing;
    return true;
  };
  return decide(id, std::move(change), timeout);
}

Task<Result<Decision>> DecisionBook::describe(NodeId id, std::string zone, std::uint64_t capacity, Duration timeout) {
  if (zone.size() > kZoneNameMax) co_return zone_too_long();
  Change change = [zone = std::move(zone), capacity](std::optional<Decision>& decision) -> Result<bool> {
    if (!decision) return Error(Code::not_found, "no such member");
    if (!belongs(decision->standing)) return Error(Code::permission_denied, "not a member any more");
    if (decision->zone == zone && decision->capacity == capacity) return false;
    decision->zone = zone;
    decision->capacity = capacity;
    return true;
  };
  co_return co_await decide(id, std::move(change), timeout);
}

Task<Result<net::ClusterSettings>> DecisionBook::change_settings(Topology topology, std::uint32_t heartbeat_ms,
                                                                 Duration timeout) {
  Instant deadline = env_.now() + timeout;
  for (int i = 0; i < kDecideTries && env_.now() < deadline; ++i) {
    CO_ASSIGN_OR_RETURN(auto known, co_await read<net::ClusterSettings>(settings_name(), deadline - env_.now()));
    if (!known.second) co_return Error(Code::damaged, "the record of the settings is lost");
    net::ClusterSettings& settings = *known.second;
    if (settings.topology == topology && settings.heartbeat_ms == heartbeat_ms) co_return settings;
    ++settings.version;
    settings.topology = topology;
    settings.heartbeat_ms = heartbeat_ms;
    Batch batch;
    expect_version(batch, settings_name(), known.first);
    put(batch, settings_name(), settings);
    note_change(batch);
    auto commit = co_await records_.commit(std::move(batch), deadline - env_.now());
    if (commit.ok() && commit->done) co_return settings;
    if (!commit.ok() && !commit.is(Code::outcome_unknown)) co_return std::move(commit).error();
  }
  if (env_.now() >= deadline) co_return Code::timed_out;
  co_return Error(Code::busy, "too many change the settings at once");
}

Task<Status> DecisionBook::replace_secret(Version keys_version, Duration timeout) {
  Instant deadline = env_.now() + timeout;
  CO_ASSIGN_OR_RETURN(auto known, co_await read<Keys>(keys_name(), timeout));
  if (!known.second || !known.second->due() || known.first != keys_version) co_return Status();
  Keys& keys = *known.second;
  net::ClusterKeyCopy next;
  next.epoch = keys.keys.front().epoch + 1;
  next.secret = net::Secret::random(env_.random());
  keys.keys.insert(keys.keys.begin(), std::move(next));
  if (keys.keys.size() > net::kClusterKeysMax) keys.keys.resize(net::kClusterKeysMax);
  Batch batch;
  expect_version(batch, keys_name(), known.first);
  put(batch, keys_name(), keys);
  note_change(batch);
  CO_ASSIGN_OR_RETURN(Commit commit, co_await records_.commit(std::move(batch), deadline - env_.now()));
  if (!commit.done) co_return Error(Code::busy, "the secret is being replaced by somebody else");
  co_return Status();
}

Task<Result<Version>> DecisionBook::latest(Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::optional<Record> found, co_await records_.get(key_of(latest_name()), timeout));
  co_return found ? found->version : 0;
}

Task<Result<AllDecisions>> DecisionBook::all(Duration timeout) {
  Instant deadline = env_.now() + timeout;
  AllDecisions decisions;
  ByteVector from;
  do {
    CO_ASSIGN_OR_RETURN(Page page,
                        co_await records_.scan(place(), from, ByteVector(), ScanLimits(), deadline - env_.now()));
    for (const Record& record : page.records) {
      const ByteVector& name = record.key.name;
      if (name == settings_name()) {
        CO_ASSIGN_OR_RETURN(decisions.settings, unsealed<net::ClusterSettings>(record.value));
      } else if (name == keys_name()) {
        CO_ASSIGN_OR_RETURN(Keys keys, unsealed<Keys>(record.value));
        decisions.secret_is_due = keys.due();
        decisions.keys_version = record.version;
        for (const net::ClusterKeyCopy& copy : keys.keys) {
          net::ClusterKey& key = decisions.keys.emplace_back();
          key.epoch = copy.epoch;
          key.secret = copy.secret;
        }
      } else if (name.size() == 1 + sizeof(NodeId::bytes) && name.front() == 'm') {
        NodeId id;
        std::copy(name.begin() + 1, name.end(), id.bytes.begin());
        CO_ASSIGN_OR_RETURN(Decision decision, unsealed<Decision>(record.value));
        decisions.members.emplace_back(id, std::move(decision));
      }
    }
    from = std::move(page.next);
  } while (!from.empty());
  co_return decisions;
}

}  // namespace vortex::dht
