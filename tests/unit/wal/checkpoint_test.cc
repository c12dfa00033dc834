#include "wal/checkpoint.h"

#include "tests/scenarios/wal_model.h"
#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
ByteVector state(std::uint64_t version, std::size_t bytes) { return make_payload(1, version, 0, 1, bytes); }

Task<Status> write_checkpoint(Env& env, ByteVector bytes, std::uint64_t label, std::size_t piece) {
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("ck"));
  CO_RETURN_IF_ERROR(co_await env.disk().sync_directory("."));
  CO_ASSIGN_OR_RETURN(auto writer, co_await CheckpointWriter::create(env, "ck", "p7", label));
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    ByteView part = ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at));
    CO_RETURN_IF_ERROR(co_await writer->write(part));
  }
  co_return co_await writer->finish();
}

Task<Result<ByteVector>> load(Env& env, std::uint64_t& label) {
  CO_ASSIGN_OR_RETURN(auto reader, co_await CheckpointReader::open(env, "ck/p7"));
  label = reader->label();
  ByteVector all;
  while (true) {
    CO_ASSIGN_OR_RETURN(ByteView part, co_await reader->next());
    if (part.empty()) co_return all;
    all.insert(all.end(), part.begin(), part.end());
  }
}

Task<Status> resize_checkpoint(Env& env, std::uint64_t size) {
  CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("ck/p7", OpenOptions()));
  co_return co_await file->truncate(size);
}

Task<void> write_and_note(Env& env, ByteVector bytes, Status& written) {
  written = co_await write_checkpoint(env, std::move(bytes), 2, 9999);
}

Result<ByteVector> load_on(Rig& rig, std::uint64_t& label) {
  auto body = [&label](Env& env) { return load(env, label); };
  return rig.world.run(rig.machine, body);
}

Status write_on(Rig& rig, const ByteVector& bytes, std::uint64_t label, std::size_t piece) {
  auto body = [&](Env& env) { return write_checkpoint(env, bytes, label, piece); };
  return rig.world.run(rig.machine, body);
}
}  // namespace

TEST_CASE("a checkpoint of any size and in any pieces comes back") {
  for (std::size_t bytes : {std::size_t(24), std::size_t(65487), std::size_t(65488), std::size_t(65489),
                            std::size_t(1048576), std::size_t(3000000)}) {
    Rig rig;
    ByteVector content = state(bytes, bytes);
    REQUIRE(write_on(rig, content, bytes + 1, 1 + bytes / 7).ok());
    std::uint64_t label = 0;
    auto back = load_on(rig, label);
    REQUIRE(back.ok());
    EXPECT(*back == content);
    EXPECT_EQ(label, bytes + 1);
  }
  Rig rig;
  REQUIRE(write_on(rig, ByteVector(), 5, 1).ok());
  std::uint64_t label = 0;
  auto back = load_on(rig, label);
  REQUIRE(back.ok());
  EXPECT(back->empty());
}

TEST_CASE("any flipped bit in a checkpoint, a cut end and an added one are named and nothing wrong is given") {
  Rig rig;
  ByteVector content = state(1, 150'000);
  REQUIRE(write_on(rig, content, 1, 5000).ok());
  std::uint64_t label = 0;
  for (std::uint64_t at = 0; at < 3 * kCheckpointBlock; at += 97) {
    REQUIRE(rig.machine.drive().flip_bit("ck/p7", at, at % 8).ok());
    auto back = load_on(rig, label);
    REQUIRE(!back.ok());
    REQUIRE((back.is(Code::damaged) || back.is(Code::unsupported_version)));
    REQUIRE(rig.machine.drive().flip_bit("ck/p7", at, at % 8).ok());
  }
  for (std::uint64_t size : {2 * kCheckpointBlock, 2 * kCheckpointBlock + 5, 3 * kCheckpointBlock + 1}) {
    Rig other;
    REQUIRE(write_on(other, content, 1, 5000).ok());
    auto resize = [size](Env& env) { return resize_checkpoint(env, size); };
    REQUIRE(other.world.run(other.machine, resize).ok());
    EXPECT(load_on(other, label).is(Code::damaged));
  }
}

TEST_CASE("a power cut at any disk call leaves the old checkpoint or the new one, whole, and no leftovers") {
  std::size_t old_ones = 0, new_ones = 0;
  for (std::uint64_t call = 0; call < 40; ++call) {
    Rig rig(call + 1);
    ByteVector before = state(1, 200'000), after = state(2, 1'300'000);
    REQUIRE(write_on(rig, before, 1, 10'000).ok());
    rig.machine.drive().fail_call(call, sim::DiskEffect::power_cut);
    Status written = Code::cancelled;
    auto program = sim::program([&](Env& env) { return write_and_note(env, after, written); });
    rig.machine.kill();
    rig.machine.start(program);
    auto ended = [&rig] { return !rig.machine.running(); };
    rig.world.run_until(ended, seconds(10));
    rig.machine.drive().clear_faults();
    rig.machine.power_cut();
    auto clean = [](Env& env) -> Task<Status> { return remove_unfinished_checkpoints(env, "ck"); };
    REQUIRE(rig.world.run(rig.machine, clean).ok());
    std::uint64_t label = 0;
    auto back = load_on(rig, label);
    REQUIRE(back.ok());
    INFO("call ", call);
    REQUIRE((*back == before || *back == after));
    if (written.ok()) REQUIRE(*back == after);
    ++(*back == before ? old_ones : new_ones);
    auto names = [](Env& env) -> Task<Result<std::vector<DirectoryEntry>>> { return env.disk().list("ck"); };
    auto entries = rig.world.run(rig.machine, names);
    REQUIRE(entries.ok());
    EXPECT_EQ(entries->size(), 1u);
  }
  EXPECT_GT(old_ones, 2u);
  EXPECT_GT(new_ones, 2u);
}
