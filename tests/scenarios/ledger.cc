// The simplest system that promises anything: servers that each keep a number in a file, raise it when asked, and
// answer once it is durable. It shows that faults reach a program and that a program can live with them; a plan
// with damage at rest makes it fail.
#include <cstring>

#include "base/deadline.h"
#include "base/endian.h"
#include "base/hash.h"
#include "tests/sim/content.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr std::uint16_t kPort = 7000;
constexpr std::size_t kRecord = 16;  // the number and its hash
constexpr Duration kAnswerWithin = seconds(2);

using Record = std::array<std::uint8_t, kRecord>;

Record make_record(std::uint64_t number) {
  Record record;
  std::memcpy(record.data(), &number, 8);
  std::uint64_t hash = xxh3(ByteView(record.data(), 8));
  std::memcpy(record.data() + 8, &hash, 8);
  return record;
}

std::optional<std::uint64_t> parse_record(ByteView record) {
  std::uint64_t number = 0, hash = 0;
  std::memcpy(&number, record.data(), 8);
  std::memcpy(&hash, record.data() + 8, 8);
  if (hash != xxh3(record.first(8))) return std::nullopt;
  return number;
}

Task<Status> write_one(Connection& connection, ByteView bytes) {
  std::span<const ByteView> pieces(&bytes, 1);
  co_return co_await connection.write(pieces);
}

Task<Status> read_full(Connection& connection, MutableBytes into) {
  while (!into.empty()) {
    CO_ASSIGN_OR_RETURN(std::size_t size, co_await connection.read_some(into));
    into = into.subspan(size);
  }
  co_return Status();
}

// Each request is one byte, each answer the number it got.
class Server final : public Program {
 public:
  explicit Server(Env& env) : env_(env), group_(env.loop()) {}

  Task<void> run() override {
    Status served = co_await serve();
    if (!served.ok() && !served.is(Code::cancelled) && !served.is(Code::closed))
      env_.fail_stop(served.error().to_string());
    co_await group_.stop();
  }
  Task<void> stop() override {
    if (listener_) listener_->close();
    co_return;
  }

 private:
  Task<Status> serve() {
    CO_RETURN_IF_ERROR(co_await recover());
    Address at;
    at.port = kPort;
    CO_ASSIGN_OR_RETURN(listener_, env_.network().listen(at));
    while (true) {
      CO_ASSIGN_OR_RETURN(auto connection, co_await listener_->accept());
      group_.spawn(answer(std::move(connection)));
    }
  }

  // The file is a row of records; the last that is whole counts. Each is alone in its sector.
  Task<Status> recover() {
    OpenOptions options;
    options.create = true;
    CO_ASSIGN_OR_RETURN(file_, co_await env_.disk().open("ledger", options));
    CO_RETURN_IF_ERROR(co_await env_.disk().sync_directory("."));
    CO_ASSIGN_OR_RETURN(std::uint64_t size, co_await file_->size());
    Record record;
    for (std::uint64_t offset = 0; offset + kRecord <= size; offset += Content::kSector) {
      std::optional<std::uint64_t> number;
      for (int i = 0; i < kReads && !number; ++i) {
        CO_ASSIGN_OR_RETURN(std::size_t got, co_await file_->read_at(offset, record));
        if (got == kRecord) number = parse_record(record);
      }
      last_ = std::max(last_, number.value_or(0));
    }
    co_return Status();
  }

  Task<void> answer(std::unique_ptr<Connection> connection) {
    while (true) {
      std::uint8_t request = 0;
      Status got = co_await read_full(*connection, MutableBytes(&request, 1));
      if (!got.ok()) co_return;
      std::uint64_t number = ++last_;
      Status kept = co_await keep(number);
      if (kept.is(Code::cancelled)) co_return;
      if (!kept.ok()) {
        env_.fail_stop(kept.error().to_string());
        co_return;
      }
      Record record = make_record(number);
      Status sent = co_await write_one(*connection, record);
      if (!sent.ok()) co_return;
    }
  }

  Task<Status> keep(std::uint64_t number) {
    Record record = make_record(number);
    ByteView bytes = record;
    std::span<const ByteView> pieces(&bytes, 1);
    CO_RETURN_IF_ERROR(co_await file_->write_at(number % kSlots * Content::kSector, pieces));
    co_return co_await file_->sync();
  }

  static constexpr std::uint64_t kSlots = 256;
  static constexpr int kReads = 8;  // a bit may have flipped on the way
  Env& env_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<File> file_;
  std::uint64_t last_ = 0;
  TaskGroup group_;
};

// What the scenario knows of one server.
struct Seen {
  std::uint64_t highest = 0, answers = 0;
};

Task<Result<std::uint64_t>> ask_once(Connection& connection) {
  std::uint8_t request = 1;
  CO_RETURN_IF_ERROR(co_await write_one(connection, ByteView(&request, 1)));
  Record record;
  CO_RETURN_IF_ERROR(co_await read_full(connection, record));
  auto number = parse_record(record);
  if (!number) co_return Error(Code::damaged, "an answer");
  co_return *number;
}

Task<Status> ask_many(Env& env, World* world, Address server, Seen* seen) {
  Instant connect_until = env.now() + kAnswerWithin;
  auto dialling = env.network().connect(server);
  CO_ASSIGN_OR_RETURN(auto connection,
                      co_await with_deadline<std::unique_ptr<Connection>>(env, connect_until, std::move(dialling)));
  while (true) {
    std::uint64_t before = seen->highest;
    Instant until = env.now() + kAnswerWithin;
    CO_ASSIGN_OR_RETURN(auto number, co_await with_deadline<std::uint64_t>(env, until, ask_once(*connection)));
    if (number <= before)
      world->violation(Verdict::safety, server.to_string() + " answered " + std::to_string(number) + " after " +
                                            std::to_string(before) + " had been acknowledged");
    seen->highest = std::max(seen->highest, number);
    ++seen->answers;
    CO_RETURN_IF_ERROR(co_await sleep_for(env, microseconds(env.random().below(20'000))));
  }
}

Task<void> client(Env& env, World* world, Address server, Seen* seen) {
  while (true) {
    Status ended = co_await ask_many(env, world, server, seen);
    if (ended.is(Code::cancelled)) co_return;
    Status slept = co_await sleep_for(env, milliseconds(50));
    if (!slept.ok()) co_return;
  }
}

void ledger(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  World& world = run.make_world(options);
  Dice dice = world.dice("ledger");
  std::size_t servers = dice.between(1, 5);
  std::vector<Seen> seen(servers);
  NemesisOptions nemesis;
  nemesis.clock_rate = 1;
  nemesis.disk_errors = 0.5;
  nemesis.disk_full = 0;  // the file has its size from the start
  nemesis.down_max = servers;
  for (std::size_t i = 0; i < servers; ++i) {
    Machine& server = world.add_machine("server" + std::to_string(i + 1));
    server.keep_running(milliseconds(300));
    server.start([](Env& env) -> std::unique_ptr<Program> { return std::make_unique<Server>(env); });
    nemesis.machines.push_back(server.name());
  }
  for (std::size_t i = 0; i < servers; ++i)
    world.add_machine("client" + std::to_string(i + 1))
        .start(program(client, &world, world.machine(i + 1).address(kPort), &seen[i]));
  run.unleash(nemesis);
  world.run_for(seconds(30));
  run.calm();
  std::vector<Seen> before = seen;
  world.run_for(seconds(20));
  for (std::size_t i = 0; i < servers; ++i)
    run.expect(seen[i].answers > before[i].answers, Verdict::liveness,
               "server" + std::to_string(i + 1) + " answers nobody though nothing is wrong any more");
}

const Registration registration("ledger", "numbers that were acknowledged are never handed out again", ledger);

}  // namespace

}  // namespace vortex::sim
