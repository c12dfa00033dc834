#include "base/hash.h"
#include "dht/joining/local_book.h"
#include "dht/joining/node_state.h"
#include "net/join_token.h"
#include "tests/sim/drive.h"
#include "tests/sim/world.h"
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

// Makes a token for so many uses and redeems it for one after the other; how many were let in.
Task<Result<int>> redeem_all(Env& env, std::uint32_t uses, Duration lifetime, Duration wait, int joiners) {
  LocalBook book(env, kDirectory);
  CO_RETURN_IF_ERROR(co_await book.load());
  net::Secret secret = net::Secret::random(env.random());
  TokenTerms terms;
  terms.uses = uses;
  terms.lifetime = lifetime;
  CO_ASSIGN_OR_RETURN(TokenView made, co_await book.add_token(secret, terms));
  CO_RETURN_IF_ERROR(co_await sleep_for(env, wait));
  // Everything as after a restart.
  LocalBook again(env, kDirectory);
  CO_RETURN_IF_ERROR(co_await again.load());
  int let_in = 0;
  for (int i = 0; i < joiners; ++i) {
    NodeId joiner = known(static_cast<std::size_t>(i)).id;
    for (int twice = 0; twice < 2; ++twice) {
      Status redeemed = co_await again.redeem_token(made.id, joiner);
      if (redeemed.ok() && twice == 0) ++let_in;
      if (!redeemed.ok() && !redeemed.is(Code::expired)) co_return std::move(redeemed).error();
    }
  }
  Status revoked = co_await again.revoke_token(made.id);
  CHECK(revoked.ok());
  auto found = co_await again.find_token(made.id);
  CHECK(found.is(Code::not_found));
  co_return let_in;
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

TEST_CASE("a token opens the door as often as it was made for, once for each id, also over restarts") {
  sim::World world(3);
  sim::Machine& machine = world.add_machine();
  REQUIRE(world.run(machine, make_directory).ok());
  auto let_in = world.run(machine, redeem_all, 3u, Duration(seconds(60)), Duration(seconds(1)), 5);
  REQUIRE(let_in.ok());
  EXPECT(*let_in == 3);
}

TEST_CASE("a token that has expired opens nothing") {
  sim::World world(4);
  sim::Machine& machine = world.add_machine();
  REQUIRE(world.run(machine, make_directory).ok());
  auto let_in = world.run(machine, redeem_all, 3u, Duration(seconds(60)), Duration(seconds(61)), 5);
  REQUIRE(let_in.ok());
  EXPECT(*let_in == 0);
}
