#include "base/task_group.h"
#include "node/access/access_key.h"
#include "node/access/book.h"
#include "node/access/key_watch.h"
#include "node/access/rights.h"
#include "tests/sim/world.h"
#include "tests/support/local_records.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::node;

namespace {

constexpr Duration kPatience = seconds(5);

AccessRule rule(const char* text) { return *parse_access_rule(text); }

NodeId node_number(int number) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  return id;
}

struct Cluster {
  sim::World world{1};
  dht::LocalPartitions partitions;
  sim::Machine& machine = world.add_machine();

  using Body = Task<Status> (*)(Env&, AccessBook&);
  bool run(Body body) {
    auto with_book = [](Env& env, dht::LocalPartitions* in, Body of) -> Task<Status> {
      dht::LocalRecords records(env, *in);
      AccessBook book(env, records);
      co_return co_await of(env, book);
    };
    Status status = world.run(machine, with_book, &partitions, body);
    return status.ok();
  }
};

}  // namespace

TEST_CASE("a rule covers its path and what is below, not names that begin alike") {
  Rights rights({rule("rw:/photos"), rule("r:/music/old/")});
  EXPECT(rights.allow(Permission::read, "/photos"));
  EXPECT(rights.allow(Permission::write, "/photos/moon.jpg"));
  EXPECT(!rights.allow(Permission::read, "/photos2"));
  EXPECT(!rights.allow(Permission::read, "/"));
  EXPECT(rights.allow(Permission::read, "/music/old"));
  EXPECT(!rights.allow(Permission::write, "/music/old/song"));
  EXPECT(!rights.administer());
  EXPECT(rights.lead_through("/"));
  EXPECT(rights.lead_through("/music"));
  EXPECT(rights.lead_through("/music/old/deep"));
  EXPECT(!rights.lead_through("/other"));
  EXPECT(Rights::everything().administer());
  EXPECT(!Rights({}).lead_through("/"));
}

TEST_CASE("rules are read as they are written, and what is wrong with one is said") {
  for (const char* text : {"r:/", "rw:/photos", "rwa:/", "w:/drop/box"}) EXPECT_EQ(to_string(rule(text)), text);
  for (const char* wrong : {"", "rw", "x:/", ":/photos", "r:photos", "a:/photos", "rwx:/"})
    EXPECT(parse_access_rule(wrong).is(Code::invalid_argument));
}

TEST_CASE("an access key survives being copied, and no other text is taken for one") {
  Cluster cluster;
  AccessKeyText key;
  key.cluster = node_number(7);
  key.secret = net::Secret::random(cluster.machine.env().random());
  std::string text = key.to_text();
  auto read = AccessKeyText::parse(" " + text + "\n");
  REQUIRE(read.ok());
  EXPECT(read->cluster == key.cluster);
  EXPECT(read->secret == key.secret);
  std::string changed = text;
  changed[20] = changed[20] == 'a' ? 'b' : 'a';
  for (const std::string& wrong : {changed, std::string("vxjoin1aaaa"), std::string(), text.substr(0, 30)})
    EXPECT(AccessKeyText::parse(wrong).is(Code::invalid_argument));
}

TEST_CASE("a key is found until it is revoked, with the rights it was given") {
  auto body = [](Env&, AccessBook& book) -> Task<Status> {
    std::vector<AccessRule> rules = {rule("r:/a"), rule("w:/b")};
    CO_ASSIGN_OR_RETURN(net::Secret secret, co_await book.create_key(rules, "for the camera", kPatience));
    std::string id = AccessKeyText::id_of(secret);
    CO_ASSIGN_OR_RETURN(net::AccessKey found, co_await book.find_key(id, kPatience));
    EXPECT(found.secret == secret);
    const auto* rights = dynamic_cast<const Rights*>(found.rights.get());
    EXPECT((rights != nullptr && rights->rules() == rules));
    CO_ASSIGN_OR_RETURN(std::vector<AccessKeyInfo> all, co_await book.keys(kPatience));
    EXPECT((all.size() == 1 && all[0].id == id && all[0].label == "for the camera"));
    CO_RETURN_IF_ERROR(co_await book.revoke_key(id, kPatience));
    auto gone = co_await book.find_key(id, kPatience);
    EXPECT(gone.is(Code::not_found));
    Status again = co_await book.revoke_key(id, kPatience);
    EXPECT(again.is(Code::not_found));
    auto powerless = co_await book.create_key(std::vector<AccessRule>(), "", kPatience);
    EXPECT(powerless.is(Code::invalid_argument));
    co_return Status();
  };
  EXPECT(Cluster().run(body));
}

TEST_CASE("a token opens the door as often as it was made for, and again only for those whom it let in") {
  auto body = [](Env& env, AccessBook& book) -> Task<Status> {
    TokenTerms terms;
    terms.uses = 2;
    net::Secret secret = net::Secret::random(env.random());
    CO_ASSIGN_OR_RETURN(JoinTokenInfo token, co_await book.add_token(secret, terms, kPatience));
    std::string id = token.id;
    EXPECT_EQ(id, net::JoinToken::id_of(secret));
    for (int number : {1, 1, 2, 1}) {
      Status redeemed = co_await book.redeem(id, node_number(number), kPatience);
      EXPECT(redeemed.ok());
    }
    Status refused = co_await book.redeem(id, node_number(3), kPatience);
    EXPECT(refused.is(Code::expired));
    auto remembered = co_await book.find_token(id, kPatience);
    EXPECT(remembered.ok());
    CO_RETURN_IF_ERROR(co_await book.revoke_token(id, kPatience));
    auto gone = co_await book.find_token(id, kPatience);
    EXPECT(gone.is(Code::not_found));
    co_return Status();
  };
  EXPECT(Cluster().run(body));
}

TEST_CASE("a token runs out with time, but not for whom it let in before") {
  auto body = [](Env& env, AccessBook& book) -> Task<Status> {
    TokenTerms terms;
    terms.uses = 5;
    terms.life = std::chrono::minutes(10);
    net::Secret secret = net::Secret::random(env.random());
    CO_ASSIGN_OR_RETURN(JoinTokenInfo token, co_await book.add_token(secret, terms, kPatience));
    std::string id = token.id;
    EXPECT_EQ(id, net::JoinToken::id_of(secret));
    CO_RETURN_IF_ERROR(co_await book.redeem(id, node_number(1), kPatience));
    CO_RETURN_IF_ERROR(co_await sleep_for(env, std::chrono::minutes(11)));
    CO_RETURN_IF_ERROR(co_await book.redeem(id, node_number(1), kPatience));
    Status refused = co_await book.redeem(id, node_number(2), kPatience);
    EXPECT(refused.is(Code::expired));
    co_return Status();
  };
  EXPECT(Cluster().run(body));
}

TEST_CASE("of those who race for the last use of a token one gets it") {
  auto body = [](Env& env, AccessBook& book) -> Task<Status> {
    auto race = [](AccessBook& in, std::string with, NodeId who, int& let_in) -> Task<void> {
      Status redeemed = co_await in.redeem(with, who, kPatience);
      let_in += redeemed.ok() ? 1 : 0;
    };
    for (int round = 0; round < 20; ++round) {
      net::Secret secret = net::Secret::random(env.random());
      CO_ASSIGN_OR_RETURN(JoinTokenInfo token, co_await book.add_token(secret, TokenTerms(), kPatience));
      std::string id = token.id;
      int let_in = 0;
      TaskGroup rivals(env.loop());
      for (int number = 1; number <= 5; ++number) rivals.spawn(race(book, id, node_number(number), let_in));
      co_await rivals.join();
      EXPECT_EQ(let_in, 1);
    }
    co_return Status();
  };
  EXPECT(Cluster().run(body));
}

TEST_CASE("a rule's path is kept as paths are asked about") {
  EXPECT_EQ(to_string(rule("r://photos")), "r:/photos");
  EXPECT_EQ(to_string(rule("r:/a/./b//")), "r:/a/b");
  EXPECT(!parse_access_rule("r:/a/../b").ok());
}

TEST_CASE("clients of a revoked key are sent away within a minute, and no others") {
  Cluster cluster;
  EXPECT(cluster.run([](Env& env, AccessBook& book) -> Task<Status> {
    std::vector<AccessRule> rules(1, rule("r:/"));
    CO_ASSIGN_OR_RETURN(net::Secret kept, co_await book.create_key(rules, "kept", kPatience));
    CO_ASSIGN_OR_RETURN(net::Secret revoked, co_await book.create_key(rules, "revoked", kPatience));
    std::set<std::string> here, gone;
    here.insert(AccessKeyText::id_of(kept));
    here.insert(AccessKeyText::id_of(revoked));
    auto keys = [&here] { return here; };
    auto close = [&gone](const std::string& key) { gone.insert(key); };
    KeyWatch watch(env, book, keys, close);
    watch.start();
    CO_RETURN_IF_ERROR(co_await sleep_for(env, seconds(60)));
    EXPECT(gone.empty());
    CO_RETURN_IF_ERROR(co_await book.revoke_key(AccessKeyText::id_of(revoked), kPatience));
    CO_RETURN_IF_ERROR(co_await sleep_for(env, seconds(60)));
    EXPECT_EQ(gone.size(), 1);
    EXPECT(gone.contains(AccessKeyText::id_of(revoked)));
    co_await watch.stop();
    co_return Status();
  }));
}
