// The model of what groups promise, and the machine that keeps everything it was told.
#include <algorithm>
#include <utility>

#include "base/endian.h"
#include "base/hash.h"
#include "base/yield.h"
#include "tests/scenarios/raft_node.h"

namespace vortex::sim {

namespace {
constexpr std::size_t kPerPiece = 40;

std::uint64_t link(std::uint64_t history, std::uint64_t index, std::uint64_t command) {
  ByteVector bytes;
  Encoder encoder(bytes);
  encoder(history, index, command);
  return xxh3(bytes);
}
}  // namespace

void GroupModel::applied(std::uint64_t index, std::uint64_t command, std::uint64_t history) {
  auto [at, fresh] = decided_.try_emplace(index);
  if (fresh) {
    at->second.command = command;
    at->second.history = history;
  } else if (at->second.command != command || at->second.history != history) {
    world_.violation(Verdict::safety,
                     "group " + std::to_string(group_) + ": two histories at index " + std::to_string(index));
  }
  auto promised = acknowledged_.find(index);
  if (promised != acknowledged_.end() && promised->second != command)
    world_.violation(Verdict::safety, "an acknowledged command was replaced at index " + std::to_string(index));
}

void GroupModel::acknowledged(std::uint64_t index, std::uint64_t command, std::uint64_t begun_after) {
  if (index <= begun_after)
    world_.violation(Verdict::safety, "a command came before one that was acknowledged when it began");
  acknowledged_[index] = command;
}

void GroupModel::read(std::uint64_t index, std::uint64_t seen) {
  ++reads_;
  if (index < seen)
    world_.violation(Verdict::safety, "group " + std::to_string(group_) + ": a read at " + std::to_string(index) +
                                          " misses what was acknowledged at " + std::to_string(seen));
}

class FrozenTally final : public dht::groups::FrozenState {
 public:
  FrozenTally(Env& env, std::vector<std::pair<std::uint64_t, std::uint64_t>> commands)
      : env_(env), commands_(std::move(commands)) {}

  Task<Result<ByteVector>> next_piece() override {
    co_await yield(env_.loop());
    co_return take();
  }
  Task<Status> save(wal::CheckpointWriter& to) override {
    while (true) {
      ByteVector piece = take();
      if (piece.empty()) co_return Status();
      CO_RETURN_IF_ERROR(co_await to.write(piece));
    }
  }

 private:
  ByteVector take() {
    ByteVector piece;
    Encoder encoder(piece);
    for (std::size_t i = 0; i < kPerPiece && at_ < commands_.size(); ++i, ++at_) encoder.put(commands_[at_]);
    return piece;
  }
  Env& env_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> commands_;
  std::size_t at_ = 0;
};

void TallyMachine::add(std::uint64_t index, std::uint64_t command) {
  history_ = link(history_, index, command);
  commands_.emplace_back(index, command);
}

ByteVector TallyMachine::apply(dht::groups::Index index, ByteView bytes) {
  CHECK(index > last_index() && bytes.size() >= 8);
  auto command = load_le<std::uint64_t>(bytes.data());
  add(index, command);
  model_.applied(index, command, history_);
  ByteVector answer(8);
  store_le(answer.data(), index);
  return answer;
}

std::unique_ptr<dht::groups::FrozenState> TallyMachine::freeze() {
  return std::make_unique<FrozenTally>(env_, commands_);
}

Task<Status> TallyMachine::add_piece(std::uint32_t, ByteVector piece) {
  co_await yield(env_.loop());
  loading_.insert(loading_.end(), piece.begin(), piece.end());
  co_return Status();
}

Task<Status> TallyMachine::pieces_end() {
  Decoder decoder(loading_);
  while (decoder.ok() && decoder.left() > 0) {
    std::pair<std::uint64_t, std::uint64_t> one;
    decoder.get(one);
    if (decoder.ok()) add(one.first, one.second);
  }
  loading_.clear();
  if (!decoder.ok()) co_return Error(Code::damaged, "half a command");
  if (!commands_.empty()) model_.applied(commands_.back().first, commands_.back().second, history_);
  co_return Status();
}

Task<Status> TallyMachine::load(wal::CheckpointReader& from) {
  if (from.label() != format()) co_return Code::unsupported_version;
  while (true) {
    CO_ASSIGN_OR_RETURN(ByteView bytes, co_await from.next());
    if (bytes.empty()) break;
    loading_.insert(loading_.end(), bytes.begin(), bytes.end());
  }
  co_return co_await pieces_end();
}

std::uint64_t TallyMachine::at(std::uint64_t index) const {
  auto place = std::lower_bound(commands_.begin(), commands_.end(), std::make_pair(index, std::uint64_t(0)));
  return place == commands_.end() || place->first != index ? 0 : place->second;
}

}  // namespace vortex::sim
