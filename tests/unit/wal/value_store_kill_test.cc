#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/real/runner.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/value_store_model.h"
#include "wal/value_store/recovery.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {
constexpr std::size_t kKeys = 300;

ValueStoreOptions busy_options(sim::Dice& dice) {
  ValueStoreOptions options;
  options.segment_bytes = 64 * kKiB << dice.below(5);
  options.reclaim_dead_share = 0.2;
  options.reclaim_bytes_per_second = 0;
  options.checkpoint_records_min = 100 + dice.below(500);
  options.checkpoint_bytes_min = kMiB;
  options.reserve_bytes = kMiB;
  return options;
}

// The child's whole life: opens the store, checks it, and is busy until it is killed. Whatever it knows goes to the
// pipe before it counts on it.
Task<int> child(Env& env, std::string directory, ValueModel& model, std::uint64_t seed) {
  sim::Dice dice(seed, "kill");
  ValueStoreOptions options = busy_options(dice);
  options.on_damage = [&model](const Damage& damage) {
    if (damage.torn) return;
    ValueModel::Event event;
    event.kind = ValueModel::Event::Kind::fault;
    model.journal(event);
  };
  auto opening = co_await ValueStore::open(env, directory, options);
  if (!opening.ok()) co_return 3;
  auto store = std::move(opening).value();
  Status verified = co_await verify_after_crash(*store, model);
  if (!verified.ok()) co_return 4;
  TaskGroup clients(env.loop());
  for (std::uint64_t i = 0; i < 8; ++i)
    clients.spawn(random_client(env, *store, model, sim::Dice(dice.next(), "client", i)));
  clients.spawn(random_upkeep(env, *store, sim::Dice(dice.next(), "upkeep")));
  co_await clients.join();
  co_return 5;  // nobody stops it but a signal
}

[[noreturn]] void run_child(const std::string& directory, ValueModel& model, std::uint64_t seed, int pipe) {
  model.journal = [pipe](const ValueModel::Event& event) {
    if (::write(pipe, &event, sizeof event) != static_cast<ssize_t>(sizeof event)) ::_exit(6);
  };
  RealOptions options;
  options.log_level = LogLevel::error;
  options.disk_threads = 4;
  options.pool_threads = 1;
  Runner runner(options);
  ::_exit(runner.run_without_signals(child(runner.env(), directory, model, seed)));
}

// Reads the journal until the moment comes, kills, and reads what is left of it.
void follow(ValueModel& model, pid_t pid, int pipe, Duration life) {
  auto end = std::chrono::steady_clock::now() + life;
  bool killed = false;
  std::vector<char> rest;
  for (;;) {
    if (!killed && std::chrono::steady_clock::now() >= end) {
      ::kill(pid, SIGKILL);
      killed = true;
    }
    char buffer[8192];
    ssize_t got = ::read(pipe, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) {
      pollfd wait = {pipe, POLLIN, 0};
      ::poll(&wait, 1, 1);
      continue;
    }
    if (got <= 0) break;
    rest.insert(rest.end(), buffer, buffer + got);
    std::size_t used = 0;
    for (; rest.size() - used >= sizeof(ValueModel::Event); used += sizeof(ValueModel::Event)) {
      ValueModel::Event event;
      std::memcpy(&event, rest.data() + used, sizeof event);
      model.happened(event);
    }
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(used));
  }
}
}  // namespace

TEST_CASE("a process killed at random moments, many times, loses nothing acknowledged on a real file system") {
  const char* wanted = std::getenv("VORTEX_KILLS");
  const int rounds = wanted ? std::atoi(wanted) : 12;
  std::string directory = (std::filesystem::temp_directory_path() / "vortex-kill-XXXXXX").string();
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  ValueModel model(kKeys);
  sim::Dice dice(static_cast<std::uint64_t>(rounds), "moments");
  for (int round = 0; round < rounds; ++round) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) run_child(directory + "/values", model, dice.next(), ends[1]);
    ::close(ends[1]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    static_cast<void>(dice.next());
    follow(model, pid, ends[0], milliseconds(static_cast<std::int64_t>(dice.below(round % 3 == 0 ? 60 : 500))));
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CAPTURE(round);
    INFO(model.first_fault());
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);
    REQUIRE(model.faults().empty());
    model.crashed();
  }
  DOCTEST_MESSAGE("puts ", model.puts, ", erasures ", model.erasures, ", reads checked ", model.reads);
  EXPECT_GT(model.puts, static_cast<std::uint64_t>(rounds));
  std::filesystem::remove_all(directory);
}
