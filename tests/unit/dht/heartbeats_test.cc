// What rides on heartbeats.
#include "dht/heartbeat/heartbeats.h"

#include "net/server.h"
#include "tests/scenarios/records_node.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;
using namespace vortex::dht;

namespace {

// Says that it has moved on in many groups at once, and counts what others say.
class ManyGroups final : public Passengers {
 public:
  std::vector<GroupTerm> moved_on_from(const NodeId&) override {
    std::vector<GroupTerm> moved(count);
    for (std::size_t i = 0; i < count; ++i) moved[i].group = static_cast<raft::GroupId>(i);
    return moved;
  }
  void hear_moved_on(const NodeId&, const std::vector<GroupTerm>& groups) override { heard = groups.size(); }
  std::size_t count = 0, heard = 0;
};

class Beater final : public Program {
 public:
  Beater(Env& env, RecordsWorld& shared, std::size_t number)
      : env_(env),
        other_(shared.id(3 - number)),
        end_(env, shared, number, 1),
        server_(end_.board, end_.handshaker),
        heartbeats_(env, end_.peers, end_.dispatcher, directory_, options_of(shared, number)),
        ending_(env.loop()) {
    for (std::size_t one = 1; one <= 2; ++one) {
      Member member;
      member.id = shared.id(one);
      member.address = shared.target(one).address;
      member.boot_epoch = 1;
      member.decided = 1;
      member.standing = Standing::active;
      CHECK(directory_.merge(member).ok());
    }
  }
  Task<void> run() override {
    heartbeats_.set_passengers(&groups);
    heartbeats_.set_partners(std::vector<NodeId>(1, other_));
    Address everywhere;
    everywhere.port = 7400;
    CHECK(server_.listen(everywhere).ok());
    heartbeats_.start();
    (void)co_await ending_.park();
    co_await heartbeats_.stop();
    co_await server_.stop();
    co_await end_.peers.stop();
  }
  Task<void> stop() override {
    ending_.wake();
    co_return;
  }
  Duration since_heard() { return env_.now() - heartbeats_.for_groups().heard(other_); }
  Duration since_acknowledged() { return env_.now() - heartbeats_.for_groups().acknowledged(other_); }
  ManyGroups groups;

 private:
  static HeartbeatOptions options_of(const RecordsWorld& shared, std::size_t number) {
    HeartbeatOptions options;
    options.self = shared.id(number);
    return options;
  }
  Env& env_;
  const NodeId other_;
  RecordsEnd end_;
  net::Server server_;
  Directory directory_;
  Heartbeats heartbeats_;
  Parking ending_;
};

}  // namespace

TEST_CASE("an acknowledgement with no room for all groups that moved on counts for no lease, but is heard") {
  World world(1);
  RecordsWorld shared;
  shared.world = &world;
  shared.nodes = 2;
  for (std::size_t number = 1; number <= 2; ++number) world.add_machine();
  for (std::size_t number = 1; number <= 2; ++number)
    world.machine(number).start([&shared, number](Env& env) -> std::unique_ptr<Program> {
      return std::make_unique<Beater>(env, shared, number);
    });
  world.run_for(seconds(3));
  auto& first = world.machine(1).as<Beater>();
  auto& second = world.machine(2).as<Beater>();
  EXPECT(first.since_acknowledged() < seconds(1));
  second.groups.count = 5000;
  world.run_for(seconds(5));
  EXPECT(first.since_heard() < seconds(1));
  EXPECT(first.since_acknowledged() > seconds(4));
  EXPECT(first.groups.heard > 100);
  EXPECT(first.groups.heard < 5000);
  second.groups.count = 3;
  world.run_for(seconds(3));
  EXPECT(first.since_acknowledged() < seconds(1));
  EXPECT_EQ(first.groups.heard, 3);
  for (std::size_t number = 1; number <= 2; ++number) world.machine(number).kill();
}
