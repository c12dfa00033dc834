// Kills a process that writes to a log, again and again, and compares what the log holds with a journal that another
// process keeps: `wal_kill DIR ROUNDS [SEED]`.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "base/endian.h"
#include "base/real/runner.h"
#include "tests/scenarios/wal_model.h"

using namespace vortex;
using namespace vortex::wal;

namespace {

constexpr std::size_t kOwners = 5;
constexpr std::size_t kWriters = 12;

// What the writing process says through its pipe, each in one write: a batch begins, is durable; a truncation is asked
// for, is durable.
struct Note {
  enum Kind : std::uint64_t { begins, durable, truncating, truncated };
  std::uint64_t kind, owner, batch, place;
};

Options options_of_test() {
  Options options;
  options.segment_bytes = 256 * kKiB;
  options.group_bytes = 64 * kKiB;
  return options;
}

void say(int pipe, Note::Kind kind, std::uint64_t owner, std::uint64_t batch, Lsn place) {
  Note note;
  note.kind = kind;
  note.owner = owner;
  note.batch = batch;
  note.place = place.value;
  CHECK(::write(pipe, &note, sizeof note) == static_cast<ssize_t>(sizeof note));
}

Task<void> write_without_end(wal::Log& log, std::uint64_t& next_batch, int pipe, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  while (true) {
    OwnerId owner = 1 + random() % kOwners;
    if (random() % 16 == 0) {
      Lsn place = log.end();
      say(pipe, Note::truncating, owner, 0, place);
      auto cut = co_await log.truncate(owner, place);
      if (!cut.ok()) co_return;
      say(pipe, Note::truncated, owner, 0, place);
      continue;
    }
    std::uint64_t number = next_batch++;
    auto count = static_cast<std::uint32_t>(1 + random() % 5);
    std::vector<ByteVector> payloads;
    std::vector<Record> records;
    for (std::uint32_t i = 0; i < count; ++i)
      payloads.push_back(test::make_payload(owner, number, i, count, random() % 3000));
    for (const ByteVector& payload : payloads) {
      Record record;
      record.owner = owner;
      record.kind = static_cast<std::uint16_t>(number);
      record.payload = payload;
      records.push_back(record);
    }
    say(pipe, Note::begins, owner, number, Lsn());
    std::span<const Record> batch(records);
    auto appended = co_await log.append(batch);
    if (!appended.ok()) co_return;
    say(pipe, Note::durable, owner, number, appended->first);
  }
}

Task<int> write_until_killed(Env& env, std::string directory, std::uint64_t next_batch, int pipe, std::uint64_t seed) {
  auto log = co_await wal::Log::open(env, directory, options_of_test());
  CHECK_MSG(log.ok(), log.error().to_string());
  TaskGroup writers(env.loop());
  for (std::size_t i = 0; i < kWriters; ++i) writers.spawn(write_without_end(**log, next_batch, pipe, seed * 100 + i));
  co_await writers.join();
  co_await (*log)->stop();
  co_return 1;
}

// What must be in the log, by batch.
struct Expected {
  OwnerId owner = 0;
  bool durable = false;
  Lsn first;
};
struct Journal {
  std::map<std::uint64_t, Expected> batches;
  std::map<OwnerId, Lsn> truncated, maybe_truncated;
  std::uint64_t next_batch = 1;

  void take(const Note& note) {
    switch (note.kind) {
      case Note::begins:
        batches[note.batch].owner = note.owner;
        next_batch = std::max(next_batch, note.batch + 1);
        break;
      case Note::durable:
        batches[note.batch].durable = true;
        batches[note.batch].first = Lsn(note.place);
        break;
      case Note::truncating:
        maybe_truncated[note.owner] = std::max(maybe_truncated[note.owner], Lsn(note.place));
        break;
      default:
        truncated[note.owner] = std::max(truncated[note.owner], Lsn(note.place));
    }
  }
};

class Reader final : public Replayer {
 public:
  explicit Reader(Journal& journal) : journal_(journal) {}
  Status record(const StoredRecord& record) override {
    auto number = load_le<std::uint64_t>(record.payload.data() + 8);
    auto index = load_le<std::uint32_t>(record.payload.data() + 16);
    auto count = load_le<std::uint32_t>(record.payload.data() + 20);
    auto known = journal_.batches.find(number);
    CHECK_MSG(known != journal_.batches.end(), "a batch that nobody appended");
    CHECK(known->second.owner == record.owner && record.kind == static_cast<std::uint16_t>(number));
    CHECK_MSG(equal(record.payload, test::make_payload(record.owner, number, index, count, record.payload.size())),
              "a record came back changed");
    CHECK_MSG(seen_[number]++ == index, "a batch came back in another order");
    counts_[number] = count;
    if (index == 0) known->second.first = record.lsn;
    CHECK_MSG(number > last_[record.owner] || index > 0, "batches came back in another order");
    last_[record.owner] = number;
    CHECK_MSG(record.lsn >= journal_.truncated[record.owner], "a truncated record returned");
    return Status();
  }
  void compare() {
    for (const auto& [number, count] : counts_) CHECK_MSG(seen_[number] == count, "half a batch came back");
    for (auto at = journal_.batches.begin(); at != journal_.batches.end();) {
      auto& [number, expected] = *at;
      bool there = counts_.contains(number);
      bool gone = expected.first < journal_.maybe_truncated[expected.owner];
      CHECK_MSG(there || !expected.durable || gone, "batch " + std::to_string(number) + " was durable and is lost");
      expected.durable = true;
      at = there ? std::next(at) : journal_.batches.erase(at);
    }
  }

 private:
  Journal& journal_;
  std::map<std::uint64_t, std::uint32_t> seen_, counts_;
  std::map<OwnerId, std::uint64_t> last_;
};

Task<int> verify(Env& env, std::string directory, Journal& journal) {
  auto log = co_await wal::Log::open(env, directory, options_of_test());
  CHECK_MSG(log.ok(), log.error().to_string());
  CHECK_MSG((*log)->recovery().sound(), "a killed process has left damage");
  Reader reader(journal);
  auto replayed = co_await (*log)->replay(reader);
  CHECK(replayed.ok());
  reader.compare();
  auto closed = co_await (*log)->close();
  CHECK(closed.ok());
  co_return 0;
}

void run_round(const std::string& directory, Journal& journal, std::mt19937_64& random) {
  int ends[2];
  CHECK(::pipe(ends) == 0);
  std::uint64_t seed = random();
  pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    Runner runner;
    ::_exit(runner.run_without_signals(write_until_killed(runner.env(), directory, journal.next_batch, ends[1], seed)));
  }
  ::close(ends[1]);
  auto delay = static_cast<useconds_t>(random() % 60'000);
  bool killed = false;
  std::thread killer([child, delay, &killed] {
    ::usleep(delay);
    killed = ::kill(child, SIGKILL) == 0;
  });
  Note note;
  while (::read(ends[0], &note, sizeof note) == static_cast<ssize_t>(sizeof note)) journal.take(note);
  ::close(ends[0]);
  killer.join();
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK_MSG(killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the writer ended by itself");
  Runner runner;
  runner.run_without_signals(verify(runner.env(), directory, journal));
}
}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: wal_kill DIR ROUNDS [SEED]\n");
    return 2;
  }
  std::string directory = std::string(argv[1]) + "/wal-kill";
  int rounds = std::atoi(argv[2]);
  std::mt19937_64 random(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : std::random_device()());
  std::filesystem::remove_all(directory);
  Journal journal;
  for (int round = 0; round < rounds; ++round) run_round(directory, journal, random);
  std::printf("%d kills, %llu batches begun, nothing lost\n", rounds,
              static_cast<unsigned long long>(journal.next_batch - 1));
  std::filesystem::remove_all(directory);
  return 0;
}
