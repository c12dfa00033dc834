#include <array>

#include "base/hash.h"
#include "base/task_group.h"
#include "dht/joining/decision_book.h"
#include "dht/joining/node_state.h"
#include "tests/sim/drive.h"
#include "tests/sim/world.h"
#include "tests/support/local_records.h"
#include "tests/unit/net/fixed_random.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

constexpr const char* kDirectory = "data";
constexpr const char* kGoldenContacts =
    "56584d420100010000009f507a0f3580912ea7f1323a0397fc06fee4096e5c147d839813596a29dfeb4d0800000031302e302e302e31"
    "e81c030000000000000000000000000200000000000000010000500000000000040000007261636bdcf3c5d7c238a734";

Member known(std::size_t i) {
  Member it;
  it.id = sha256(as_bytes("known" + std::to_string(i)));
  it.address = Address{"10.0.0.1", 7400};
  it.boot_epoch = 3;
  it.decided = 2;
  it.standing = Standing::active;
  it.capacity = 5 << 20;
  it.zone = "rack";
  return it;
}

NodeState sample_state() {
  net::test::FixedRandom random(1);
  NodeState state(net::Identity::generate(random));
  state.boot_epoch = 7;
  state.cluster = random.id();
  for (std::uint32_t epoch : {2u, 1u}) {
    net::ClusterKey& key = state.keys.emplace_back();
    key.epoch = epoch;
    key.secret = net::Secret::random(random);
  }
  state.settings.version = 4;
  state.settings.topology = Topology::ring;
  state.self = known(1);
  return state;
}

Task<Result<NodeState>> open_state(Env& env) {
  NodeStore store(env, kDirectory);
  co_return co_await store.open();
}

Task<void> open_and_forget(Env& env) {
  auto ignored = co_await open_state(env);
  (void)ignored;
}

Task<std::vector<Member>> contacts_of(Env& env) {
  NodeStore store(env, kDirectory);
  co_return co_await store.load_contacts();
}

Task<Status> keep_contacts(Env& env, std::vector<Member> members) {
  NodeStore store(env, kDirectory);
  co_return co_await store.save_contacts(members);
}

Task<Status> make_directory(Env& env) { co_return co_await env.disk().make_directories(kDirectory); }

NodeId node(std::size_t i) { return known(i).id; }

constexpr Duration kSoon = seconds(5);

// A cluster of node 0 with one key.
Task<Status> found_by_first(Env& env, DecisionBook& decisions) {
  std::vector<net::ClusterKey> keys(1);
  keys[0].epoch = 1;
  keys[0].secret = net::Secret::random(env.random());
  Decision first;
  first.decided = 1;
  first.standing = Standing::active;
  net::ClusterSettings settings;
  settings.version = 1;
  co_return co_await decisions.found(node(0), first, settings, keys, kSoon);
}

// Takes in nodes 1 to 8, whose standings are then changed by rivals, some of whose answers are lost.
Task<void> decide_much(Env& env, DecisionBook& decisions, std::size_t about, std::size_t* done) {
  constexpr std::array kStandings = {Standing::draining, Standing::active};
  for (std::size_t i = 0; i < 6; ++i) {
    auto admitted = co_await decisions.admit(node(about), "rack", 1000 + about, kSoon);
    EXPECT((admitted.ok() || admitted.is(Code::busy) || admitted.is(Code::timed_out)));
    auto decided = co_await decisions.set_standing(node(about), kStandings[i % 2], kSoon);
    if (decided.ok()) EXPECT(decided->standing == kStandings[i % 2]);
    (void)co_await sleep_for(env, milliseconds(5));
  }
  ++*done;
}

Task<Status> decide_as_rivals(Env& env, LocalPartitions* partitions) {
  LocalRecords records(env, *partitions);
  DecisionBook decisions(env, records);
  CO_RETURN_IF_ERROR(co_await found_by_first(env, decisions));
  CO_RETURN_IF_ERROR(co_await found_by_first(env, decisions));
  LocalRecordsOptions options;
  options.delay_max = milliseconds(5);
  options.unknown_done = options.unknown_not_done = options.busy = 0.1;
  records.set_options(options);
  std::size_t done = 0;
  TaskGroup rivals(env.loop());
  for (std::size_t i = 0; i < 16; ++i) rivals.spawn(decide_much(env, decisions, 1 + i % 8, &done));
  co_await rivals.join();
  EXPECT_EQ(done, 16u);
  auto refused = co_await decisions.admit(node(20), std::string(kZoneNameMax + 1, 'z'), 1, kSoon);
  EXPECT(refused.is(Code::invalid_argument));
  refused = co_await decisions.describe(node(1), std::string(kZoneNameMax + 1, 'z'), 1, kSoon);
  EXPECT(refused.is(Code::invalid_argument));
  records.set_options(LocalRecordsOptions());
  CO_ASSIGN_OR_RETURN(AllDecisions all, co_await decisions.all(kSoon));
  EXPECT_EQ(all.members.size(), 9u);
  for (const auto& [id, decision] : all.members) {
    EXPECT(belongs(decision.standing));
    if (id != node(0)) EXPECT_EQ(decision.zone, "rack");
  }
  EXPECT(all.keys.size() == 1);
  EXPECT(!all.secret_is_due);
  co_return Status();
}

Task<Status> evict_and_replace(Env& env, LocalPartitions* partitions) {
  LocalRecords records(env, *partitions);
  DecisionBook decisions(env, records);
  CO_RETURN_IF_ERROR(co_await found_by_first(env, decisions));
  for (std::size_t i = 1; i < 4; ++i) {
    auto in = co_await decisions.admit(node(i), "", 1, kSoon);
    EXPECT(in.ok());
  }
  auto out = co_await decisions.set_standing(node(2), Standing::evicted, kSoon);
  EXPECT(out.ok());
  CO_ASSIGN_OR_RETURN(AllDecisions before, co_await decisions.all(kSoon));
  EXPECT(before.secret_is_due);
  // Another one goes before the secret is replaced: what was seen before is too old to act on.
  auto another = co_await decisions.set_standing(node(3), Standing::evicted, kSoon);
  EXPECT(another.ok());
  Status too_old = co_await decisions.replace_secret(before.keys_version, kSoon);
  EXPECT(too_old.ok());
  CO_ASSIGN_OR_RETURN(AllDecisions again, co_await decisions.all(kSoon));
  EXPECT(again.secret_is_due);
  EXPECT(again.keys.size() == 1);
  Status replaced = co_await decisions.replace_secret(again.keys_version, kSoon);
  EXPECT(replaced.ok());
  CO_ASSIGN_OR_RETURN(AllDecisions after, co_await decisions.all(kSoon));
  EXPECT(!after.secret_is_due);
  EXPECT(after.keys.size() == 2);
  EXPECT(after.keys.front().epoch == 2);
  EXPECT(after.keys.back().secret == before.keys.front().secret);
  auto back = co_await decisions.admit(node(2), "", 1, kSoon);
  EXPECT(back.is(Code::permission_denied));
  auto active = co_await decisions.set_standing(node(2), Standing::active, kSoon);
  EXPECT(active.is(Code::precondition_failed));
  auto stranger = co_await decisions.set_standing(node(7), Standing::draining, kSoon);
  EXPECT(stranger.is(Code::not_found));
  co_return Status();
}

template <class T>
Status status_of(const Result<T>& result) {
  return result.ok() ? Status() : Status(result.error());
}

Task<Status> change_topology(DecisionBook& decisions, Topology topology) {
  auto changed = co_await decisions.change_settings(topology, 300, kSoon);
  if (changed.ok()) EXPECT(changed->version == 2);
  co_return status_of(changed);
}

Task<Status> admit_one(DecisionBook& decisions, std::size_t i) {
  auto admitted = co_await decisions.admit(node(i), "", 1, kSoon);
  co_return status_of(admitted);
}

Task<Status> describe_one(DecisionBook& decisions, std::size_t i) {
  auto described = co_await decisions.describe(node(i), "room", 7, kSoon);
  if (described.ok()) EXPECT(described->decided == 2);
  co_return status_of(described);
}

Task<Status> follow_versions(Env& env, LocalPartitions* partitions) {
  LocalRecords records(env, *partitions);
  DecisionBook decisions(env, records);
  CO_ASSIGN_OR_RETURN(Version last, co_await decisions.latest(kSoon));
  EXPECT(last == 0);
  CO_RETURN_IF_ERROR(co_await found_by_first(env, decisions));
  for (int step = 0; step < 4; ++step) {
    CO_ASSIGN_OR_RETURN(Version now, co_await decisions.latest(kSoon));
    EXPECT(now > last);
    last = now;
    Status changed;
    if (step == 0) changed = co_await change_topology(decisions, Topology::ring);
    if (step == 1) changed = co_await admit_one(decisions, 1);
    if (step == 2) changed = co_await describe_one(decisions, 1);
    CO_RETURN_IF_ERROR(changed);
  }
  co_return Status();
}

}  // namespace

TEST_CASE("a node's state comes back from its file, and one that is hurt anywhere is refused") {
  NodeState state = sample_state();
  ByteVector file = encode_state(state);
  auto read = decode_state(file);
  REQUIRE(read.ok());
  EXPECT(read->identity.id() == state.identity.id());
  EXPECT(read->boot_epoch == 7);
  EXPECT(read->cluster == state.cluster);
  REQUIRE(read->keys.size() == 2);
  EXPECT(read->keys[0].epoch == 2);
  EXPECT(read->keys[1].secret == state.keys[1].secret);
  EXPECT(read->settings == state.settings);
  EXPECT(read->self == state.self);
  for (std::size_t i = 0; i < file.size(); ++i) {
    ByteVector hurt = file;
    hurt[i] = static_cast<std::uint8_t>(hurt[i] ^ 0x10);
    REQUIRE(!decode_state(hurt).ok());
  }
  for (std::size_t size = 0; size < file.size(); ++size) REQUIRE(!decode_state(ByteView(file).first(size)).ok());
}

TEST_CASE("the bytes of the list of members are what they were in format 1") {
  ByteVector file = encode_contacts({known(1)});
  EXPECT_EQ(to_hex(file), kGoldenContacts);
  auto read = decode_contacts(file);
  REQUIRE(read.ok());
  EXPECT(*read == std::vector<Member>{known(1)});
}

TEST_CASE("every start has a boot epoch of its own, also when the power fails at any moment") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    sim::World world(seed);
    sim::Machine& machine = world.add_machine();
    std::uint64_t last = 0;
    std::optional<NodeId> id;
    for (int start = 0; start < 6; ++start) {
      auto state = world.run(machine, open_state);
      REQUIRE(state.ok());
      REQUIRE(state->boot_epoch > last);
      if (id) REQUIRE(state->identity.id() == *id);
      id = state->identity.id();
      last = state->boot_epoch;
      machine.power_cut();
      // A start that is interrupted may use up an epoch, but never gives one twice.
      machine.spawn(open_and_forget(machine.env()));
      world.run_for(microseconds(world.dice("cut", static_cast<std::uint64_t>(start)).below(3000)));
      machine.power_cut();
    }
  }
}

TEST_CASE("whom a node knows survives a power cut, and a list that is hurt is no obstacle") {
  sim::World world(5);
  sim::Machine& machine = world.add_machine();
  REQUIRE(world.run(machine, make_directory).ok());
  EXPECT(world.run(machine, contacts_of).empty());
  std::vector<Member> members = {known(1), known(2)};
  REQUIRE(world.run(machine, open_state).ok());
  REQUIRE(world.run(machine, keep_contacts, members).ok());
  machine.power_cut();
  EXPECT(world.run(machine, contacts_of) == members);
}

TEST_CASE("rivals decide about members, and every decision that is acknowledged counts") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    sim::World world(seed);
    LocalPartitions partitions;
    REQUIRE(world.run(world.add_machine(), decide_as_rivals, &partitions).ok());
  }
}

TEST_CASE("an eviction makes the secret due, and only who has seen the last one replaces it") {
  sim::World world(1);
  LocalPartitions partitions;
  REQUIRE(world.run(world.add_machine(), evict_and_replace, &partitions).ok());
}

TEST_CASE("whoever follows the decisions sees by one record that there are new ones") {
  sim::World world(1);
  LocalPartitions partitions;
  REQUIRE(world.run(world.add_machine(), follow_versions, &partitions).ok());
}
