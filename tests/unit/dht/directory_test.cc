#include "dht/members/directory.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "tests/unit/net/fixed_random.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

Member member(std::size_t i) {
  Member it;
  it.id = sha256(as_bytes("member" + std::to_string(i)));
  it.address = Address{"10.0.0." + std::to_string(i % 250), static_cast<std::uint16_t>(7400 + i / 250)};
  it.boot_epoch = 1;
  it.standing = Standing::active;
  it.decided = 1;
  it.capacity = std::uint64_t(1) << 40;
  it.zone = "z" + std::to_string(i % 3);
  return it;
}

MemberChange take(Directory& directory, const Member& it) {
  auto merged = directory.merge(it);
  REQUIRE(merged.ok());
  return *merged;
}

Member with_health(Member it, Health health, std::uint32_t incarnation) {
  it.health = health;
  it.incarnation = incarnation;
  return it;
}

// Things that may be said of one of a few members, contradicting each other.
Member rumour(Random& random) {
  Member it = member(random.below(5));
  it.boot_epoch = random.below(3);
  it.incarnation = static_cast<std::uint32_t>(random.below(3));
  it.health = static_cast<Health>(random.below(3));
  it.decided = random.below(3);
  it.standing = static_cast<Standing>(random.below(5));
  it.zone = "z" + std::to_string(random.below(2));
  it.capacity = (1 + random.below(2)) << 30;
  it.address.port = static_cast<std::uint16_t>(random.below(2));
  return it;
}

}  // namespace

TEST_CASE("a member comes back as it was taken in") {
  Directory directory;
  for (std::size_t i = 0; i < 1000; ++i) {
    Member it = member(i);
    if (i % 5 == 0) it.address.host = "node-" + std::to_string(i) + ".example";
    if (i % 7 == 0) it.address.host = "fe80::" + std::to_string(i);
    if (i % 11 == 0) it.address.host = "010.0.0.1";
    EXPECT(take(directory, it).added);
    REQUIRE(directory.find(it.id) == it);
  }
  EXPECT(directory.size() == 1000);
  EXPECT(directory.alive() == 1000);
  EXPECT(!directory.find(member(1000).id));
  EXPECT(directory.health(member(1000).id) == Health::dead);
}

TEST_CASE("within a life the graver opinion counts, and the member refutes it with a new incarnation") {
  Directory directory;
  take(directory, member(1));
  EXPECT(take(directory, with_health(member(1), Health::suspect, 0)).health);
  EXPECT(!take(directory, with_health(member(1), Health::alive, 0)).any());
  EXPECT(directory.health(member(1).id) == Health::suspect);
  MemberChange change = take(directory, with_health(member(1), Health::alive, 1));
  EXPECT(change.life);
  EXPECT(!change.rebooted);
  EXPECT(directory.health(member(1).id) == Health::alive);
  EXPECT(!take(directory, with_health(member(1), Health::dead, 0)).any());
  EXPECT(take(directory, with_health(member(1), Health::dead, 1)).health);
  EXPECT(directory.alive() == 0);
}

TEST_CASE("a new boot epoch is above every incarnation of the one before and brings the new address") {
  Directory directory;
  take(directory, with_health(member(1), Health::dead, 77));
  Member reborn = member(1);
  reborn.boot_epoch = 2;
  reborn.address = Address{"10.9.9.9", 1};
  MemberChange change = take(directory, reborn);
  EXPECT(change.rebooted);
  EXPECT(change.address);
  EXPECT(directory.find(reborn.id) == reborn);
  EXPECT(!take(directory, with_health(member(1), Health::alive, 99)).any());
  EXPECT(directory.find(reborn.id)->address == reborn.address);
}

TEST_CASE("decisions and opinions do not disturb each other") {
  Directory directory;
  take(directory, member(1));
  Member draining = member(1);
  draining.boot_epoch = 0;
  draining.health = Health::dead;
  draining.decided = 2;
  draining.standing = Standing::draining;
  draining.zone = "elsewhere";
  MemberChange change = take(directory, draining);
  EXPECT(change.decision);
  EXPECT(!change.health);
  Member known = *directory.find(draining.id);
  EXPECT(known.standing == Standing::draining);
  EXPECT(known.zone == "elsewhere");
  EXPECT(known.health == Health::alive);
}

TEST_CASE("in whatever order rumours come, and however often, directories that have heard the same are equal") {
  for (int round = 0; round < 200; ++round) {
    net::test::FixedRandom random(static_cast<std::uint64_t>(round));
    std::vector<Member> rumours;
    for (int i = 0; i < 40; ++i) rumours.push_back(rumour(random));
    Directory one, other;
    for (const Member& it : rumours) take(one, it);
    for (std::size_t i = rumours.size(); i > 1; --i) std::swap(rumours[i - 1], rumours[random.below(i)]);
    for (const Member& it : rumours) take(other, it);
    for (const Member& it : rumours) EXPECT(!take(other, it).any());
    REQUIRE(one.all() == other.all());
    REQUIRE(one.digest() == other.digest());
    REQUIRE(one.bucket_digests() == other.bucket_digests());
  }
}

TEST_CASE("every difference shows in the digests") {
  Directory base;
  take(base, member(1));
  std::vector<Member> variants(8, member(1));
  variants[0].incarnation = 1;
  variants[1].health = Health::suspect;
  variants[2].decided = 2;
  variants[3].standing = Standing::left;
  variants[4].capacity *= 2;
  variants[5].zone = "zz";
  variants[6].address.port = 9999;
  variants[7].boot_epoch = 2;
  for (const Member& variant : variants) {
    Directory other;
    take(other, member(1));
    take(other, variant);
    EXPECT(other.digest() != base.digest());
    std::size_t bucket = Directory::bucket_of(variant.id);
    EXPECT(other.bucket_digests()[bucket] != base.bucket_digests()[bucket]);
  }
}

TEST_CASE("what changed since a position is told once for each member, oldest first") {
  Directory directory;
  for (std::size_t i = 0; i < 10; ++i) take(directory, member(i));
  std::uint32_t position = directory.position();
  take(directory, with_health(member(3), Health::suspect, 0));
  take(directory, with_health(member(5), Health::suspect, 0));
  take(directory, with_health(member(3), Health::dead, 0));
  std::vector<NodeId> told;
  auto tell = [&](std::size_t place, std::uint32_t) {
    told.push_back(directory.id_at(place));
    return true;
  };
  directory.changed_since(position, tell);
  EXPECT(told == std::vector<NodeId>{member(5).id, member(3).id});
  EXPECT(directory.last_change(member(3).id) == directory.position());
}

TEST_CASE("changes that are too long ago are forgotten, and the directory says so") {
  Directory directory;
  take(directory, member(1));
  for (std::uint32_t i = 1; i <= 10'000; ++i) take(directory, with_health(member(1), Health::alive, i));
  EXPECT(directory.oldest_position() > 1);
  std::size_t told = 0;
  auto count = [&](std::size_t, std::uint32_t) {
    ++told;
    return true;
  };
  directory.changed_since(0, count);
  EXPECT(told == 1);
}

TEST_CASE("observers hear of every change and of nothing else") {
  Directory directory;
  std::vector<Health> heard;
  std::uint64_t number =
      directory.observe([&](const Member& now, const MemberChange&) { heard.push_back(now.health); });
  take(directory, member(1));
  take(directory, member(1));
  take(directory, with_health(member(1), Health::dead, 0));
  directory.unobserve(number);
  take(directory, with_health(member(1), Health::alive, 1));
  EXPECT(heard == std::vector<Health>{Health::alive, Health::dead});
}

TEST_CASE("the ring's counter moves with standing, zone, capacity and loss, and not with health") {
  Directory directory;
  take(directory, member(1));
  std::uint64_t before = directory.placement_changes();
  take(directory, with_health(member(1), Health::dead, 0));
  EXPECT(directory.placement_changes() == before);
  directory.set_lost(member(1).id, true);
  directory.set_lost(member(1).id, true);
  EXPECT(directory.placement_changes() == before + 1);
  take(directory, with_health(member(1), Health::alive, 1));
  EXPECT(!directory.lost(member(1).id));
  EXPECT(directory.placement_changes() == before + 2);
}

TEST_CASE("members with impossible fields are refused and change nothing") {
  Directory directory;
  std::vector<Member> bad(5, member(1));
  bad[0].id = NodeId();
  bad[1].boot_epoch = std::uint64_t(1) << 40;
  bad[2].decided = ~std::uint64_t(0);
  bad[3].zone.assign(kZoneNameMax + 1, 'z');
  bad[4].address.host.assign(kHostNameMax + 1, 'h');
  for (const Member& it : bad) EXPECT(directory.merge(it).is(Code::invalid_argument));
  EXPECT(directory.size() == 0);
  EXPECT(directory.changes() == 0);
}

TEST_CASE("names of hosts and zones that nobody has any more make room for new ones") {
  Directory directory;
  for (std::uint64_t i = 1; i <= 2 * kZonesMax; ++i) {
    Member it = member(1);
    it.decided = i;
    it.zone = "zone" + std::to_string(i);
    take(directory, it);
  }
  EXPECT(directory.find(member(1).id)->zone == "zone" + std::to_string(2 * kZonesMax));
}

TEST_CASE("a member takes about 64 bytes") {
  Directory directory;
  std::size_t empty = directory.memory();
  for (std::size_t i = 0; i < 10'000; ++i) take(directory, member(i));
  double each = static_cast<double>(directory.memory() - empty) / 10'000;
  CAPTURE(each);
  EXPECT(each < 72);
}

TEST_CASE("samples hold no doubles, nobody dead and nobody who left") {
  Directory directory;
  for (std::size_t i = 0; i < 50; ++i) {
    Member it = member(i);
    if (i % 2 == 1) it.health = Health::dead;
    if (i % 10 == 0) it.standing = Standing::left;
    take(directory, it);
  }
  net::test::FixedRandom random(7);
  for (int round = 0; round < 100; ++round) {
    std::vector<Member> sample = sample_alive(directory, member(2).id, 8, random);
    std::set<NodeId> ids;
    for (const Member& it : sample) {
      ids.insert(it.id);
      EXPECT(it.health == Health::alive);
      EXPECT(it.standing == Standing::active);
      EXPECT(it.id != member(2).id);
    }
    EXPECT(ids.size() == 8);
  }
  EXPECT(sample_alive(directory, member(2).id, 1000, random).size() == 19);
}

TEST_CASE(
    "what this node thinks of whom it cannot reach is seen here, is not gossiped, and ends with any news of its life") {
  Directory here, there;
  for (std::size_t i = 0; i < 4; ++i) {
    take(here, member(i));
    take(there, member(i));
  }
  std::size_t told = 0;
  Health seen = Health::alive;
  here.observe([&](const Member& now, const MemberChange& change) {
    EXPECT(change.health);
    seen = now.health;
    ++told;
  });
  const NodeId id = member(1).id;
  std::uint32_t position = here.position();
  here.set_silent(id, true);
  EXPECT(here.silent(id));
  EXPECT(here.health(id) == Health::dead);
  EXPECT(here.health_at(1) == Health::dead);
  EXPECT_EQ(here.alive(), 3u);
  EXPECT_EQ(told, 1u);
  EXPECT(seen == Health::dead);
  // Gossip and comparisons see nothing of it.
  EXPECT_EQ(here.position(), position);
  EXPECT_EQ(here.digest(), there.digest());
  EXPECT(here.find(id)->health == Health::alive);
  EXPECT(here.at(1).health == Health::alive);

  here.set_silent(id, false);
  EXPECT_EQ(here.alive(), 4u);
  EXPECT(seen == Health::alive);
  here.set_silent(id, true);
  here.set_lost(id, true);
  take(here, with_health(member(1), Health::suspect, 0));
  EXPECT(here.health(id) == Health::dead);
  take(here, with_health(member(1), Health::alive, 1));
  EXPECT(here.health(id) == Health::alive);
  EXPECT(!here.silent(id));
  EXPECT(!here.lost(id));
  here.set_silent(id, true);
  take(here, with_health(member(1), Health::dead, 1));
  EXPECT(!here.silent(id));
  EXPECT_EQ(here.alive(), 3u);
  take(there, with_health(member(1), Health::dead, 1));
  EXPECT_EQ(here.digest(), there.digest());
}
