#include "dht/kademlia/shortlist.h"

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "tests/sim/dice.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

const Id kTarget = sha256(as_bytes("target"));

Contact member(std::size_t number) {
  Contact contact;
  contact.id = sha256(as_bytes("member" + std::to_string(number)));
  contact.address.host = "h" + std::to_string(number);
  contact.address.port = 1;
  return contact;
}

// Members 0 … count-1, nearest to the target first.
std::vector<Contact> by_distance(std::size_t count) {
  std::vector<Contact> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(member(i));
  std::sort(all.begin(), all.end(), [](const Contact& a, const Contact& b) { return closer(kTarget, a.id, b.id); });
  return all;
}

}  // namespace

TEST_CASE("the nearest are asked first, no more at once than may be") {
  std::vector<Contact> all = by_distance(20);
  Shortlist list(kTarget, 8);
  for (const Contact& contact : all) list.add(contact);
  for (std::size_t i = 0; i < kParallel; ++i) EXPECT_EQ(list.next()->id, all[i].id);
  EXPECT(!list.next().has_value());
  list.answered(all[1]);
  EXPECT_EQ(list.next()->id, all[kParallel].id);
  EXPECT(!list.next().has_value());
}

TEST_CASE("it is over when the nearest have answered, and nobody farther is asked") {
  std::vector<Contact> all = by_distance(20);
  Shortlist list(kTarget, 5);
  for (const Contact& contact : all) list.add(contact);
  std::size_t asked = 0;
  while (auto contact = list.next()) {
    ++asked;
    EXPECT(!list.done());
    list.answered(*contact);
  }
  EXPECT(list.done());
  EXPECT_EQ(asked, 5);
  std::vector<Contact> result = list.result();
  REQUIRE_EQ(result.size(), 5);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(result[i].id, all[i].id);
  EXPECT_EQ(list.hops(), 1);
}

TEST_CASE("one that is late has somebody asked beside it, and may still answer") {
  std::vector<Contact> all = by_distance(10);
  Shortlist list(kTarget, 3);
  for (const Contact& contact : all) list.add(contact);
  for (int i = 0; i < 3; ++i) list.next();
  list.late(all[0].id);
  EXPECT_EQ(list.next()->id, all[3].id);
  list.answered(all[1]);
  list.answered(all[2]);
  list.answered(all[3]);
  EXPECT(!list.done());
  list.answered(all[0]);
  EXPECT(list.done());
  EXPECT_EQ(list.result()[0].id, all[0].id);
  EXPECT_EQ(list.in_flight(), 0);
}

TEST_CASE("one that fails is replaced by the next and is no result") {
  std::vector<Contact> all = by_distance(10);
  Shortlist list(kTarget, 2);
  for (const Contact& contact : all) list.add(contact);
  for (int i = 0; i < 2; ++i) list.next();
  list.failed(all[0].id);
  EXPECT_EQ(list.next()->id, all[2].id);
  list.answered(all[1]);
  list.answered(all[2]);
  EXPECT(list.done());
  EXPECT_EQ(list.result()[0].id, all[1].id);
  // It is not asked again because somebody else names it.
  list.add(all[0], all[1].id);
  EXPECT(!list.next().has_value());
}

TEST_CASE("hops count how many were asked one after the other") {
  std::vector<Contact> all = by_distance(3);
  Shortlist list(kTarget, 1);
  list.add(all[2]);
  list.answered(*list.next());
  list.add(all[1], all[2].id);
  list.answered(*list.next());
  list.add(all[0], all[1].id);
  list.answered(*list.next());
  EXPECT(list.done());
  EXPECT_EQ(list.hops(), 3);
}

TEST_CASE("no address stands for more than two ids") {
  Shortlist list(kTarget, 4);
  for (std::size_t i = 0; i < 50; ++i) {
    Contact contact = member(i);
    contact.address.host = "victim";
    list.add(contact);
  }
  EXPECT_EQ(list.size(), kIdsAtAddress);
}

TEST_CASE("who names only nodes that do not exist is not believed for long") {
  // The liar names many that are nearer than everybody else.
  std::vector<Contact> all = by_distance(200);
  Contact liar = all[150], honest = all[151];
  Shortlist list(kTarget, 4);
  list.add(liar);
  list.add(honest);
  list.next();
  list.next();
  list.answered(liar);
  for (std::size_t i = 0; i < 40; ++i) list.add(all[i], liar.id);
  list.answered(honest);
  for (std::size_t i = 100; i < 110; ++i) list.add(all[i], honest.id);
  std::size_t wasted = 0;
  while (auto contact = list.next()) {
    bool invented = contact->id != liar.id && closer(kTarget, contact->id, all[100].id);
    wasted += invented ? 1 : 0;
    invented ? list.failed(contact->id) : list.answered(*contact);
    list.check_invariants();
  }
  EXPECT(list.done());
  EXPECT_EQ(wasted, kLiesMax);
  EXPECT_EQ(list.result()[0].id, all[100].id);
}

TEST_CASE("whoever tells the truth mostly is believed though many of those it names are dead") {
  std::vector<Contact> all = by_distance(60);
  Shortlist list(kTarget, 8);
  list.add(all[50]);
  list.answered(*list.next());
  for (std::size_t i = 0; i < 30; ++i) list.add(all[i], all[50].id);
  for (int i = 0; auto contact = list.next(); ++i) i % 3 == 0 ? list.answered(*contact) : list.failed(contact->id);
  EXPECT(list.done());
  EXPECT_EQ(list.result().size(), 8);
}

TEST_CASE("whatever comes in whatever order, a lookup ends with the nearest that answer, and is bounded") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    sim::Dice dice(seed, "shortlist");
    std::vector<Contact> all = by_distance(300);
    std::size_t count = 1 + dice.below(16);
    Shortlist list(kTarget, count);
    std::map<NodeId, bool> alive;
    for (const Contact& contact : all) alive[contact.id] = dice.below(10) > 0;
    for (int i = 0; i < 5; ++i) list.add(all[200 + dice.below(100)]);
    std::vector<Contact> under_way;
    for (int step = 0;; ++step) {
      REQUIRE(step < 5000);
      while (auto contact = list.next()) under_way.push_back(*contact);
      list.check_invariants();
      if (under_way.empty()) break;
      std::size_t pick = dice.below(under_way.size());
      if (dice.below(4) == 0) {
        list.late(under_way[pick].id);
        continue;
      }
      Contact contact = under_way[pick];
      under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(pick));
      if (!alive[contact.id]) {
        list.failed(contact.id);
        continue;
      }
      list.answered(contact);
      // Everybody names nodes nearer than itself, some of the nearest among them, and knows its neighbours.
      std::size_t own = 0;
      while (all[own].id != contact.id) ++own;
      for (int i = 0; i < 8; ++i) list.add(all[dice.below(own / 2 + 1)], contact.id);
      for (std::size_t i = own < 20 ? 0 : own - 20; i < own; ++i) list.add(all[i], contact.id);
    }
    REQUIRE(list.done());
    std::vector<NodeId> expected;
    for (const Contact& contact : all)
      if (alive[contact.id] && expected.size() < count) expected.push_back(contact.id);
    std::vector<Contact> result = list.result();
    REQUIRE(!result.empty());
    CAPTURE(seed);
    EXPECT_EQ(result[0].id, expected[0]);
  }
}

TEST_CASE("one origin alone does not decide that a lookup is over, unless there is no other") {
  std::vector<Contact> all = by_distance(40);
  for (std::size_t i = 0; i < 30; ++i)
    all[i].address.host = "flood", all[i].address.port = static_cast<std::uint16_t>(1 + i);
  Shortlist list(kTarget, 8);
  for (const Contact& contact : all) list.add(contact);
  std::size_t asked = 0;
  while (auto contact = list.next()) {
    ++asked;
    list.answered(*contact);
    list.check_invariants();
  }
  EXPECT(list.done());
  EXPECT_EQ(asked, 16);
  // With somebody else among the nearest it is over sooner.
  Shortlist mixed(kTarget, 8);
  for (std::size_t i = 0; i < 40; ++i) mixed.add(i % 3 == 0 ? member(i) : all[i]);
  asked = 0;
  while (auto contact = mixed.next()) {
    ++asked;
    mixed.answered(*contact);
  }
  EXPECT(mixed.done());
  EXPECT(asked < 16);
  EXPECT_EQ(mixed.result().size(), 8);
}
