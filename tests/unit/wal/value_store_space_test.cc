// A full disk: what is refused, and what must go on all the same.
#include "tests/unit/wal/value_store_model.h"
#include "tests/unit/wal/value_store_rig.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {
Buffer filled(std::size_t size, std::uint64_t seed) {
  sim::Dice dice(seed);
  Buffer bytes = Buffer::allocate(size);
  dice.fill(bytes.writable());
  return bytes;
}

std::uint64_t available(StoreRig& rig) {
  return rig.machine.drive().space().capacity - rig.machine.drive().space().used;
}

Task<Result<std::size_t>> use_both(Env& env, ValueStore& first) {
  ValueStoreOptions options;
  options.name = "private";
  options.background = false;
  CO_ASSIGN_OR_RETURN(auto other, co_await ValueStore::open(env, "meta/private", options));
  auto mine = co_await first.put(model_id(1), filled(100, 1));
  auto theirs = co_await other->put(model_id(1), filled(200, 2));
  if (!mine.ok() || !theirs.ok() || theirs->existed) co_return Error(Code::internal, "they share something");
  CopyNumber all(other->epoch(), CopyNumber::kSequenceMax);
  CO_RETURN_IF_ERROR(co_await other->sync());
  CO_RETURN_IF_ERROR(co_await other->erase(model_id(1), all));
  const std::size_t left = other->stats().values;
  CO_RETURN_IF_ERROR(co_await other->stop());
  co_return left;
}
}  // namespace

TEST_CASE("puts that are under way together leave the reserve alone") {
  StoreRig rig;
  rig.options.reserve_bytes = kMiB;
  rig.options.lanes = 4;
  rig.machine.drive().set_capacity(4 * kMiB);
  REQUIRE(rig.open().ok());
  std::size_t refused = 0, done = 0;
  auto put = [](ValueStore& store, std::uint64_t n, std::size_t& no, std::size_t& yes) -> Task<void> {
    auto result = co_await store.put(model_id(n), filled(20'000, n));
    if (result.is(Code::no_space)) ++no;
    if (result.ok()) ++yes;
  };
  for (std::uint64_t n = 0; n < 400; ++n) rig.machine.spawn(put(*rig.store, n, refused, done));
  rig.world.run_for(seconds(5));
  REQUIRE_EQ(refused + done, 400);
  EXPECT_GT(done, 100);
  EXPECT_GT(refused, 100);
  EXPECT_GE(available(rig), kMiB - 64 * kKiB);
}

TEST_CASE("on a disk full of small values the index can still be written, and everything be erased") {
  StoreRig rig;
  rig.options.reserve_bytes = 256 * kKiB;
  rig.options.segment_bytes = 256 * kKiB;
  rig.machine.drive().set_capacity(3 * kMiB);
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0;; ++n) {
    REQUIRE(n < 30'000);
    auto put = rig.run([&](Env&) { return rig.store->put(model_id(n), filled(200, n)); });
    if (!put.ok()) {
      REQUIRE(put.is(Code::no_space));
      break;
    }
    numbers.push_back(put->number);
  }
  EXPECT_GT(numbers.size(), 5000);
  REQUIRE(rig.checkpoint().ok());
  REQUIRE(rig.reopen().ok());
  for (std::uint64_t n = 0; n < numbers.size(); ++n) {
    if (n % 8 == 0) continue;
    auto erased = rig.erase(model_id(n), numbers[n]);
    REQUIRE((erased.ok() && *erased == Erased::done));
    if (n % 400 != 1) continue;
    auto reclaimed = rig.reclaim();
    const std::string why = reclaimed.ok() ? std::string() : reclaimed.error().to_string();
    CAPTURE(why);
    REQUIRE(why.empty());
  }
  REQUIRE(rig.reclaim().ok());
  EXPECT(rig.run([&](Env&) { return rig.store->put(model_id(50'000), filled(200, 1)); }).ok());
  for (std::uint64_t n = 0; n < numbers.size(); n += 8) REQUIRE(equal(rig.get(model_id(n))->bytes, filled(200, n)));
}

TEST_CASE("bytes already there cannot be put again for ever on a full disk") {
  StoreRig rig;
  rig.options.reserve_bytes = 256 * kKiB;
  rig.machine.drive().set_capacity(2 * kMiB);
  REQUIRE(rig.open().ok());
  auto first = rig.run([&](Env&) { return rig.store->put(model_id(1), filled(100, 1)); });
  REQUIRE(first.ok());
  CopyNumber newest = first->number;
  bool refused = false;
  for (int i = 0; i < 40'000 && !refused; ++i) {
    auto again = rig.run([&](Env&) { return rig.store->touch(model_id(1)); });
    refused = again.is(Code::no_space);
    if (again.ok()) newest = again->number;
  }
  EXPECT(refused);
  EXPECT_GE(available(rig), 128 * kKiB);  // files end within blocks
  EXPECT(*rig.erase(model_id(1), newest) == Erased::done);
}

TEST_CASE("two stores of one process know nothing of each other") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  auto both = [&rig](Env& env) { return use_both(env, *rig.store); };
  auto left = rig.run(both);
  REQUIRE(left.ok());
  EXPECT_EQ(*left, 0);
  EXPECT(equal(rig.get(model_id(1))->bytes, filled(100, 1)));
}
