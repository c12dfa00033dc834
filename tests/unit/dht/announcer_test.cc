// News of partitions travels from member to member.
#include "dht/records_client/announcer.h"

#include "net/server.h"
#include "tests/scenarios/records_node.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;
using namespace vortex::dht;

namespace {

// A member that only has a table, and tells three members chosen at random what it has heard.
class Teller final : public Program {
 public:
  Teller(Env& env, RecordsWorld& shared, std::size_t number)
      : env_(env),
        shared_(shared),
        end_(env, shared, number, 1),
        server_(end_.board, end_.handshaker),
        table_(shared.partitions),
        announcer_(env, end_.peers, table_, [this](auto partitions) { return audience(std::move(partitions)); }),
        ending_(env.loop()) {
    end_.dispatcher.on<net::TellPartitions>([this](net::Context&, net::TellPartitionsRequest& request) {
      ++heard;
      for (const net::PartitionPlace& place : request.places)
        if (table_.learn(place)) announcer_.changed(place.partition);
      return Result<net::TellPartitionsResponse>(net::TellPartitionsResponse());
    });
  }
  Task<void> run() override {
    Address everywhere;
    everywhere.port = 7400;
    CHECK(server_.listen(everywhere).ok());
    announcer_.start();
    (void)co_await ending_.park();
    co_await announcer_.stop();
    co_await server_.stop();
    co_await end_.peers.stop();
  }
  Task<void> stop() override {
    ending_.wake();
    co_return;
  }
  void learn(const net::PartitionPlace& place) {
    if (table_.learn(place)) announcer_.changed(place.partition);
  }
  const PartitionTable& table() const { return table_; }
  std::size_t heard = 0;

 private:
  std::vector<std::pair<net::Target, std::vector<PartitionNumber>>> audience(std::vector<PartitionNumber> partitions) {
    std::vector<std::pair<net::Target, std::vector<PartitionNumber>>> some;
    for (int i = 0; i < 3; ++i) some.emplace_back(shared_.target(1 + env_.random().below(shared_.nodes)), partitions);
    return some;
  }
  Env& env_;
  RecordsWorld& shared_;
  RecordsEnd end_;
  net::Server server_;
  PartitionTable table_;
  Announcer announcer_;
  Parking ending_;
};

net::PartitionPlace place_of(const RecordsWorld& shared, std::uint64_t term, std::size_t leader) {
  net::PartitionPlace place;
  place.partition = 2;
  place.term = term;
  place.leader = shared.id(leader);
  place.members.emplace_back().id = shared.id(leader);
  return place;
}

}  // namespace

TEST_CASE("everybody soon knows a partition's new leader, though each member tells only a few, and then it is quiet") {
  World world(1);
  RecordsWorld shared;
  shared.world = &world;
  shared.nodes = 12;
  for (std::size_t number = 1; number <= shared.nodes; ++number) world.add_machine();
  for (std::size_t number = 1; number <= shared.nodes; ++number)
    world.machine(number).start([&shared, number](Env& env) -> std::unique_ptr<Program> {
      return std::make_unique<Teller>(env, shared, number);
    });
  world.run_for(seconds(1));
  auto all_know = [&](std::uint64_t term) {
    for (std::size_t number = 1; number <= shared.nodes; ++number) {
      const net::PartitionPlace* place = world.machine(number).as<Teller>().table().find(2);
      if (!place || place->term != term) return false;
    }
    return true;
  };
  auto tell = [&world, &shared](std::size_t number, std::uint64_t term, std::size_t leader) {
    auto body = [](Env&, Teller& teller, net::PartitionPlace place) -> Task<Status> {
      teller.learn(place);
      co_return Status();
    };
    Machine& machine = world.machine(number);
    REQUIRE(world.run(machine, body, machine.as<Teller>(), place_of(shared, term, leader)).ok());
  };
  tell(3, 5, 3);
  EXPECT(world.run_until([&all_know] { return all_know(5); }, seconds(10)));
  tell(7, 6, 7);
  EXPECT(world.run_until([&all_know] { return all_know(6); }, seconds(10)));
  // What is old news is not told on.
  world.run_for(seconds(2));
  auto heard = [&] {
    std::size_t sum = 0;
    for (std::size_t number = 1; number <= shared.nodes; ++number) sum += world.machine(number).as<Teller>().heard;
    return sum;
  };
  const std::size_t before = heard();
  tell(9, 5, 3);
  world.run_for(seconds(5));
  EXPECT_EQ(heard(), before);
  EXPECT(before <= 2 * shared.nodes * kAnnounceRounds * 3);
  for (std::size_t number = 1; number <= shared.nodes; ++number) world.machine(number).kill();
}
