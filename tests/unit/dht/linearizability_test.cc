#include "tests/checkers/linearizability.h"

#include "tests/unit/dht/partition_rig.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

using Verdict = LinearizabilityResult::Verdict;

// Histories written down by hand: when it was called, when it returned, what came of it.
struct Script {
  History history;

  static Record record(std::string_view name, std::uint64_t writer, Version version) {
    Record made;
    made.key = key(name);
    made.version = version;
    made.value = History::value(writer, 0);
    return made;
  }
  Write write(std::string_view name) {
    Write made = put(name, "");
    made.value = History::value(history.next_number(), 0);
    return made;
  }
  // The number of the operation.
  std::uint64_t committed(int from, int to, std::vector<Condition> conditions, std::vector<Write> writes,
                          Version version) {
    Batch batch;
    batch.conditions = std::move(conditions);
    batch.writes = std::move(writes);
    Commit commit;
    commit.done = true;
    commit.versions.assign(batch.writes.size(), version);
    const std::size_t at = history.call_commit(1, Duration(from), std::move(batch));
    history.committed(at, Duration(to), commit);
    return at + 1;
  }
  std::uint64_t put_one(int from, int to, std::string_view name, Version version) {
    return committed(from, to, {}, {write(name)}, version);
  }
  std::uint64_t unknown(int from, std::vector<Condition> conditions, std::vector<Write> writes) {
    Batch batch;
    batch.conditions = std::move(conditions);
    batch.writes = std::move(writes);
    const std::size_t at = history.call_commit(1, Duration(from), std::move(batch));
    history.committed(at, Duration(from + 1), Code::outcome_unknown);
    return at + 1;
  }
  void refused(int from, int to, Condition condition, std::optional<Record> found) {
    Batch batch;
    batch.conditions.push_back(std::move(condition));
    Commit commit;
    commit.found = std::move(found);
    history.committed(history.call_commit(1, Duration(from), std::move(batch)), Duration(to), commit);
  }
  void saw(int from, int to, std::vector<HistoryRead> reads) {
    history.read(history.call_read(2, Duration(from)), Duration(to), std::move(reads));
  }
  void saw(int from, int to, std::string_view name, std::uint64_t writer, Version version) {
    saw(from, to, {seen(name, writer, version)});
  }
  static HistoryRead seen(std::string_view name, std::uint64_t writer, Version version) {
    HistoryRead read;
    read.key = key(name);
    if (writer != 0) read.seen = record(name, writer, version);
    return read;
  }
  Verdict verdict() const { return check_linearizability(history).verdict; }
};

}  // namespace

TEST_CASE("a history in which everybody sees what was written before is accepted") {
  Script script;
  script.saw(0, 1, "a", 0, 0);
  auto first = script.put_one(2, 6, "a", 10);
  auto second = script.committed(7, 9, {has("a", 10)}, {script.write("a")}, 11);
  script.saw(3, 5, "a", first, 10);
  script.saw(10, 11, "a", second, 11);
  script.refused(12, 13, has("a", 10), Script::record("a", second, 11));
  EXPECT(script.verdict() == Verdict::holds);
}

TEST_CASE("of two writes at the same time either may be the last, but readers must agree") {
  for (bool agree : {true, false}) {
    Script script;
    auto first = script.put_one(0, 10, "a", 5);
    auto second = script.put_one(0, 10, "a", 6);
    script.saw(11, 12, "a", second, 6);
    if (agree) {
      script.saw(13, 14, "a", second, 6);
    } else {
      script.saw(13, 14, "a", first, 5);
    }
    EXPECT(script.verdict() == (agree ? Verdict::holds : Verdict::violated));
  }
}

TEST_CASE("a read of something older than what was written before is refused") {
  Script script;
  auto first = script.put_one(0, 1, "a", 5);
  script.put_one(2, 3, "a", 6);
  script.saw(4, 5, "a", first, 5);
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("an acknowledged write that is gone is refused") {
  Script script;
  script.put_one(0, 1, "a", 5);
  script.saw(2, 3, "a", 0, 0);
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("a read that goes back behind another read is refused, also when the write never returned") {
  Script script;
  auto write = script.unknown(0, {}, {script.write("a")});
  script.saw(5, 6, "a", write, 9);
  script.saw(7, 8, "a", 0, 0);
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("a write of unknown outcome may have happened, may happen later, and may never happen") {
  Script script;
  auto unknown = script.unknown(0, {}, {script.write("a")});
  script.unknown(0, {}, {script.write("b")});
  script.saw(2, 3, "a", 0, 0);
  script.saw(10, 11, "a", unknown, 4);
  script.saw(12, 13, "b", 0, 0);
  EXPECT(script.verdict() == Verdict::holds);
}

TEST_CASE("an operation that was executed twice is refused") {
  // The first write is seen again after another one had replaced it.
  Script script;
  auto first = script.put_one(0, 1, "a", 5);
  auto second = script.put_one(2, 3, "a", 6);
  script.saw(4, 5, "a", second, 6);
  script.saw(6, 7, "a", first, 7);
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("a conditional write that won though its condition could not hold is refused") {
  Script script;
  script.put_one(0, 1, "a", 5);
  script.put_one(2, 3, "a", 6);
  script.committed(4, 5, {has("a", 5)}, {script.write("a")}, 7);
  EXPECT(script.verdict() == Verdict::violated);
  Script absent;
  absent.put_one(0, 1, "a", 5);
  absent.committed(2, 3, {has("a", 0)}, {absent.write("b")}, 7);
  EXPECT(absent.verdict() == Verdict::violated);
}

TEST_CASE("two winners of one condition are refused") {
  Script script;
  script.put_one(0, 1, "a", 5);
  script.committed(2, 10, {has("a", 5)}, {script.write("a")}, 6);
  script.committed(2, 10, {has("a", 5)}, {script.write("a")}, 7);
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("a refusal for no reason is refused") {
  Script script;
  auto first = script.put_one(0, 1, "a", 5);
  script.refused(2, 3, has("a", 5), Script::record("a", first, 5));
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("a batch of which only a part is seen is refused") {
  Script script;
  auto both = script.committed(0, 1, {}, {script.write("a"), script.write("b")}, 5);
  script.saw(2, 3, {Script::seen("a", both, 5), Script::seen("b", 0, 0)});
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("transactions that each missed the other's write are refused, though every key alone looks well") {
  Script script;
  script.committed(0, 10, {has("a", 0)}, {script.write("b")}, 5);
  script.committed(0, 10, {has("b", 0)}, {script.write("a")}, 5);
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("versions that go backwards, and values from nowhere, are refused") {
  Script script;
  script.put_one(0, 1, "a", 9);
  script.put_one(2, 3, "a", 5);
  EXPECT(script.verdict() == Verdict::violated);
  Script nowhere;
  nowhere.saw(0, 1, "a", 77, 5);
  EXPECT(nowhere.verdict() == Verdict::violated);
  Script twice;
  auto write = twice.put_one(0, 1, "a", 9);
  twice.saw(2, 3, "a", write, 10);
  EXPECT(twice.verdict() == Verdict::violated);
}

TEST_CASE("an empty range that was not empty is refused") {
  Script script;
  script.put_one(0, 1, "d/x", 5);
  script.committed(2, 3, {empty_range("d/", "d0")}, {script.write("gone")}, 6);
  EXPECT(script.verdict() == Verdict::violated);
}

TEST_CASE("keys that nothing ties together are checked apart, and long histories quickly") {
  Script script;
  std::uint64_t last[4] = {};
  for (int i = 0; i < 4'000; ++i) {
    const std::string name(1, static_cast<char>('a' + i % 4));
    const int at = i / 4 * 10;
    if (i % 8 < 4) {
      last[i % 4] = script.put_one(at, at + 15, name, static_cast<Version>(i + 1));
    } else {
      script.saw(at + 6, at + 9, name, last[i % 4], static_cast<Version>(last[i % 4] == 0 ? 0 : i - 4 + 1));
    }
  }
  LinearizabilityResult result = check_linearizability(script.history);
  EXPECT(result.verdict == Verdict::holds);
  EXPECT_EQ(result.groups, 4);
  EXPECT_LE(result.steps, 10'000);
}
