#include "dht/kademlia/routing_table.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "tests/sim/dice.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

const NodeId kSelf = sha256(as_bytes("self"));

Contact contact_named(const std::string& name, const std::string& host = std::string()) {
  Contact contact;
  contact.id = sha256(as_bytes(name));
  contact.address.host = host.empty() ? name : host;
  contact.address.port = 7400;
  return contact;
}

// Different contacts that all belong into this bucket.
std::vector<Contact> contacts_in(const RoutingTable& table, std::size_t bucket, std::size_t count,
                                 const std::string& host = std::string()) {
  std::vector<Contact> found;
  for (std::size_t i = 0; found.size() < count; ++i) {
    Contact contact = contact_named(host + "node" + std::to_string(i), host);
    if (table.bucket_of(contact.id) == bucket) found.push_back(contact);
  }
  return found;
}

Instant at(std::int64_t second) { return Instant(seconds(second)); }

TableLimits small_buckets(std::size_t bucket_max) {
  TableLimits limits;
  limits.bucket_max = bucket_max;
  return limits;
}

}  // namespace

TEST_CASE("only who has answered stands in a bucket") {
  RoutingTable table(kSelf, TableLimits());
  Contact contact = contact_named("a");
  EXPECT(table.named(contact) == RoutingTable::Place::spare);
  EXPECT_EQ(table.size(), 0);
  EXPECT(table.closest(contact.id, 5).empty());
  EXPECT_EQ(table.candidates(contact.id, 5).size(), 1);
  EXPECT(table.proven(contact, at(1)) == RoutingTable::Place::in_bucket);
  EXPECT_EQ(table.closest(contact.id, 5).size(), 1);
  EXPECT_EQ(table.spares(), 0);
  table.check_invariants();
}

TEST_CASE("a node never knows itself, nor what cannot be called") {
  RoutingTable table(kSelf, TableLimits());
  Contact self = contact_named("self"), nowhere = contact_named("x");
  nowhere.address = Address();
  Contact endless = contact_named("y", std::string(300, 'y'));
  for (const Contact& contact : {self, nowhere, endless}) {
    EXPECT(table.proven(contact, at(1)) == RoutingTable::Place::refused);
    EXPECT(table.named(contact) == RoutingTable::Place::refused);
  }
  EXPECT_EQ(table.depth(), 0);
}

TEST_CASE("a full bucket keeps those it has, and a newcomer waits behind it") {
  RoutingTable table(kSelf, small_buckets(4));
  std::vector<Contact> all = contacts_in(table, 0, 6);
  for (std::size_t i = 0; i < 4; ++i) table.proven(all[i], at(static_cast<std::int64_t>(i)));
  EXPECT(table.proven(all[4], at(10)) == RoutingTable::Place::spare);
  EXPECT(table.proven(all[5], at(11)) == RoutingTable::Place::spare);
  for (std::size_t i = 0; i < 4; ++i) EXPECT(table.find(all[i].id) != nullptr);
  // The one that was silent for the longest time is asked first, and then the next.
  auto challenged = table.next_to_challenge(at(100), seconds(60));
  REQUIRE(challenged.has_value());
  EXPECT_EQ(challenged->id, all[0].id);
  EXPECT_EQ(table.next_to_challenge(at(100), seconds(60))->id, all[1].id);
  // It does not answer: the spare that was heard last has its place.
  table.failed(all[0].id);
  EXPECT(table.find(all[0].id) == nullptr);
  EXPECT(table.find(all[5].id) != nullptr);
  EXPECT_EQ(table.size(), 4);
  EXPECT(!table.next_to_challenge(at(20), seconds(60)).has_value());
  table.check_invariants();
}

TEST_CASE("one that failed is told to nobody, and stays as long as the fault may be ours") {
  RoutingTable table(kSelf, TableLimits());
  Contact a = contact_named("a"), b = contact_named("b");
  table.proven(a, at(1));
  for (int i = 0; i < 10; ++i) table.failed(a.id);
  REQUIRE(table.find(a.id) != nullptr);
  EXPECT(table.closest(a.id, 1).empty());
  EXPECT_EQ(table.candidates(a.id, 1).size(), 1);
  // Others answer: then it is not us.
  table.proven(b, at(2));
  table.failed(a.id);
  EXPECT(table.find(a.id) == nullptr);
  // And one that answers again is as good as before.
  table.failed(b.id);
  table.proven(b, at(3));
  EXPECT_EQ(table.closest(b.id, 1).size(), 1);
  table.check_invariants();
}

TEST_CASE("one that failed gives way to one that answered") {
  RoutingTable table(kSelf, small_buckets(2));
  std::vector<Contact> all = contacts_in(table, 0, 3);
  table.proven(all[0], at(1));
  table.proven(all[1], at(1));
  table.failed(all[1].id);
  EXPECT(table.proven(all[2], at(2)) == RoutingTable::Place::in_bucket);
  EXPECT(table.find(all[1].id) == nullptr);
  table.check_invariants();
}

TEST_CASE("a new address counts when it has answered") {
  RoutingTable table(kSelf, TableLimits());
  Contact contact = contact_named("a"), moved = contact;
  moved.address.host = "elsewhere";
  table.proven(contact, at(1));
  table.named(moved);
  EXPECT_EQ(table.find(contact.id)->contact.address.host, "a");
  table.proven(moved, at(2));
  EXPECT_EQ(table.find(contact.id)->contact.address.host, "elsewhere");
  EXPECT_EQ(table.size(), 1);
}

TEST_CASE("a flood from one origin keeps nobody else out") {
  RoutingTable table(kSelf, small_buckets(8));
  std::vector<Contact> flood = contacts_in(table, 0, 200, "10.0.0.66"), others = contacts_in(table, 0, 6);
  // It may fill what is empty,
  for (const Contact& contact : flood) table.proven(contact, at(1));
  EXPECT_EQ(table.size(), 8);
  // and goes where somebody else wants to stand, down to its share.
  for (const Contact& contact : others) table.proven(contact, at(2));
  std::size_t kept = 0;
  for (const Contact& contact : others) kept += table.find(contact.id) ? 1 : 0;
  EXPECT_EQ(kept, 8 - kOriginShare);
  table.check_invariants();
}

TEST_CASE("invented ids cost no more than a few spares, and push out nobody who has proven himself") {
  RoutingTable table(kSelf, small_buckets(4));
  std::vector<Contact> known = contacts_in(table, 0, 6);
  for (const Contact& contact : known) table.proven(contact, at(1));
  std::size_t memory = 0;
  for (std::size_t i = 0; i < 20'000; ++i) {
    table.named(contact_named("invented" + std::to_string(i), "10.1." + std::to_string(i % 100) + ".1"));
    if (i == 2000) memory = table.memory_bytes();
  }
  EXPECT_EQ(table.size(), 4);
  EXPECT_LE(table.memory_bytes(), memory + memory / 2);
  EXPECT_LE(table.spares(), table.depth() * kSparesMax);
  for (std::size_t i = 0; i < 4; ++i) table.failed(known[i].id);
  // The two proven spares have moved up; the others were not replaced by inventions.
  EXPECT(table.find(known[4].id) != nullptr);
  EXPECT(table.find(known[5].id) != nullptr);
  table.check_invariants();
}

TEST_CASE("an address of IPv6 is one of its network's") {
  Address a = *Address::parse("[2001:db8:1:2::1]:1"), b = *Address::parse("[2001:db8:1:2:3:4:5:6]:2");
  Address c = *Address::parse("[2001:db8:1:3::1]:1"), d = *Address::parse("10.0.0.1:1");
  EXPECT_EQ(origin_of(a), origin_of(b));
  EXPECT_NE(origin_of(a), origin_of(c));
  EXPECT_EQ(origin_of(d), "10.0.0.1");
}

TEST_CASE("a spare is given out once to be verified, and only where it would get in") {
  RoutingTable table(kSelf, small_buckets(2));
  std::vector<Contact> all = contacts_in(table, 0, 4);
  table.named(all[0]);
  EXPECT_EQ(table.next_to_verify()->id, all[0].id);
  EXPECT(!table.next_to_verify().has_value());
  EXPECT(!table.worth_verifying(all[0].id));
  table.proven(all[0], at(1));
  table.proven(all[1], at(1));
  table.named(all[2]);
  EXPECT(!table.next_to_verify().has_value());
  table.failed(all[0].id);
  EXPECT(table.worth_verifying(all[2].id));
}

TEST_CASE("silent contacts are checked in the order of their silence, each once") {
  RoutingTable table(kSelf, TableLimits());
  for (int i = 0; i < 5; ++i) table.proven(contact_named("n" + std::to_string(i)), at(i));
  table.heard(contact_named("n0").id, at(50));
  std::vector<NodeId> order;
  while (auto contact = table.next_to_check(at(60), seconds(30))) order.push_back(contact->id);
  REQUIRE_EQ(order.size(), 4);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(order[static_cast<std::size_t>(i)], contact_named("n" + std::to_string(i + 1)).id);
}

TEST_CASE("buckets grow without a limit of their own and shrink again when the topology changes") {
  TableLimits everybody;
  everybody.bucket_max = everybody.spares_max = everybody.table_max = 300;
  RoutingTable table(kSelf, everybody);
  for (int i = 0; i < 400; ++i) table.proven(contact_named("n" + std::to_string(i)), at(i));
  EXPECT_EQ(table.size(), 300);
  EXPECT(table.full());
  table.check_invariants();
  table.set_limits(TableLimits());
  table.check_invariants();
  EXPECT_EQ(table.bucket_size(0), kBucketMax);
  // The oldest have stayed.
  for (int i = 0; i < 10; ++i) EXPECT(table.find(contact_named("n" + std::to_string(i)).id) != nullptr);
}

TEST_CASE("whatever happens, the table keeps its rules and names the nearest it knows") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    sim::Dice dice(seed, "table");
    TableLimits limits;
    limits.bucket_max = 1 + dice.below(20);
    limits.table_max = limits.bucket_max + dice.below(200);
    RoutingTable table(kSelf, limits);
    for (int step = 0; step < 2000; ++step) {
      std::string name = "n" + std::to_string(dice.below(400));
      Contact contact = contact_named(name, "host" + std::to_string(dice.below(30)));
      switch (dice.below(8)) {
        case 0:
        case 1:
        case 2:
          table.proven(contact, at(step));
          break;
        case 3:
          table.named(contact);
          break;
        case 4:
          table.failed(contact.id);
          break;
        case 5:
          table.heard(contact.id, at(step));
          break;
        case 6:
          if (auto spare = table.next_to_verify())
            dice.below(2) ? table.failed(spare->id) : (void)table.proven(*spare, at(step));
          break;
        default:
          dice.below(4) == 0 ? table.forget(contact.id) : table.dismiss(contact.id);
      }
      if (step % 50 != 0) continue;
      table.check_invariants();
      // The same by looking at all of them.
      Id target = dice.id();
      std::vector<NodeId> known;
      for (int i = 0; i < 400; ++i) {
        NodeId id = contact_named("n" + std::to_string(i)).id;
        const RoutingTable::Known* entry = table.find(id);
        if (entry && entry->failures == 0) known.push_back(id);
      }
      std::sort(known.begin(), known.end(), [&](const NodeId& a, const NodeId& b) { return closer(target, a, b); });
      std::size_t count = 1 + dice.below(20);
      std::vector<Contact> nearest = table.closest(target, count);
      REQUIRE_EQ(nearest.size(), std::min(count, known.size()));
      for (std::size_t i = 0; i < nearest.size(); ++i) REQUIRE_EQ(nearest[i].id, known[i]);
      std::set<NodeId> distinct;
      for (const Contact& one : table.candidates(target, count)) REQUIRE(distinct.insert(one.id).second);
    }
  }
}
