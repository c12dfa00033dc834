// What a start makes of the records of a group.
#include "dht/groups/records.h"

#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;
using namespace vortex::dht::groups;

namespace {
constexpr GroupId kGroup = 7;

class Tape {
 public:
  void write(const Batch& batch) {
    for (const wal::Record& record : batch.records()) {
      wal::StoredRecord stored;
      stored.owner = record.owner;
      stored.kind = record.kind;
      stored.lsn = wal::Lsn(1, ++place_ * 64);
      stored.payload = record.payload;
      REQUIRE(reader_.record(stored).ok());
    }
  }
  Image& image() { return reader_.images()[kGroup]; }

 private:
  ImageReader reader_;
  std::uint32_t place_ = 0;
};

raft::HardState hard_state(raft::Term term, std::uint64_t voted_for) {
  raft::HardState state;
  state.term = term;
  if (voted_for == 0) return state;
  state.vote.emplace();
  state.vote->generation = voted_for;
  return state;
}

raft::Entry entry(raft::Term term, Index index) {
  raft::Entry one;
  one.term = term;
  one.index = index;
  one.kind = raft::EntryKind::command;
  return one;
}

Base base_at(raft::Term term, Index index) {
  Base base;
  base.self.generation = 1;
  base.hard_state = hard_state(term, 5);
  base.index = index;
  base.term = term;
  return base;
}
}  // namespace

TEST_CASE("a base that overtook older records leaves their terms, votes and entries behind") {
  Batch base(kGroup), overtaken(kGroup), later(kGroup);
  base.add(base_at(6, 10));
  overtaken.add(hard_state(5, 4));
  overtaken.add(entry(5, 9));
  overtaken.add(hard_state(6, 0));
  overtaken.add(entry(6, 10));
  overtaken.add(entry(6, 11));
  later.add(hard_state(7, 3));
  Tape tape;
  tape.write(base);
  tape.write(overtaken);
  EXPECT_EQ(tape.image().damage, "");
  EXPECT(tape.image().hard_state == hard_state(6, 5));
  REQUIRE_EQ(tape.image().entries.size(), 1);
  EXPECT_EQ(tape.image().entries.front().index, 11);
  tape.write(later);
  EXPECT(tape.image().hard_state == hard_state(7, 3));
}

TEST_CASE("a replica that is made anew does not take the votes of the one before for its own") {
  Batch old(kGroup), fresh(kGroup);
  old.add(base_at(6, 10));
  Base base;
  base.self.generation = 2;
  base.discard = true;
  fresh.add(base);
  Tape tape;
  tape.write(old);
  tape.write(fresh);
  EXPECT(tape.image().hard_state == hard_state(0, 0));
}
