#include "node/fetch/chunk_reader.h"

#include <algorithm>

#include "base/event.h"
#include "base/pool.h"
#include "base/task_group.h"
#include "chunker/form.h"
#include "chunker/unpack.h"

namespace vortex::node {

namespace {

// The form of this copy. Copies of a chunk that is not sealed may differ in it, when different files brought them.
chunker::StoredForm form_of(const HeldBytes& held) {
  chunker::StoredForm form;
  form.size = held.length;
  form.compressed = (held.form & kFormCompressed) != 0;
  form.sealed = (held.form & kFormSealed) != 0;
  return form;
}

}  // namespace

struct ChunkReader::Race {
  explicit Race(Loop& loop) : changed(loop) {}
  ChunkId chunk;
  std::uint64_t offset = 0, length = 0;
  bool whole = false;
  std::size_t running = 0;
  std::optional<HeldBytes> won;
  Error last{Code::not_found};
  Event changed;
};

Duration ChunkReader::patience(const NodeId& node) const {
  auto usual = usual_.find(node);
  if (usual == usual_.end()) return options_.hedge_max;
  return std::clamp<Duration>(usual->second * options_.hedge_factor, options_.hedge_min, options_.hedge_max);
}

void ChunkReader::note(const NodeId& node, Duration took) {
  auto [place, fresh] = usual_.emplace(node, took);
  if (!fresh) place->second = (place->second * 7 + took) / 8;
}

Task<void> ChunkReader::ask(Race& race, NodeId node, bool hedge) {
  Instant begun = env_.now();
  auto bytes = co_await holders_.get(node, race.chunk, race.offset, race.length, options_.get_timeout);
  if (bytes.ok() && race.whole) {
    // A copy that is not the chunk is as good as none.
    Buffer stored = bytes->bytes;
    ChunkId chunk = race.chunk;
    chunker::StoredForm form = form_of(*bytes);
    auto work = [chunk, form, stored] { return chunker::check_stored(chunk, form, stored); };
    Status sound = co_await env_.pool().run(std::move(work));
    if (!sound.ok()) bytes = sound.error();
  }
  if (bytes.ok()) {
    note(node, env_.now() - begun);
    if (hedge && !race.won) ++stats_.hedges_won;
    if (!race.won) race.won = std::move(*bytes);
  } else if (!bytes.is(Code::cancelled)) {
    ++stats_.failed_copies;
    bool bad = bytes.is(Code::damaged) || bytes.is(Code::not_found);
    if (bad && options_.on_bad_copy) options_.on_bad_copy(race.chunk, node, bytes.error());
    // What other copies say counts more than that one of them is missing.
    if (!bytes.is(Code::not_found) || race.last.is(Code::not_found)) race.last = bytes.error();
    note(node, std::max<Duration>(env_.now() - begun, options_.hedge_max));
  }
  --race.running;
  race.changed.notify_all();
}

Task<Result<HeldBytes>> ChunkReader::race(Race& race, std::vector<NodeId> nodes) {
  TaskGroup group(env_.loop());
  std::size_t next = 0;
  bool cancelled = false;
  while (!race.won && !cancelled && (race.running > 0 || next < nodes.size())) {
    bool hedge = race.running > 0;
    TimerId timer = kNoTimer;
    if (next < nodes.size()) {
      if (hedge) ++stats_.hedged;
      NodeId node = nodes[next++];
      ++race.running;
      group.spawn(ask(race, node, hedge));
      auto wake = [&race] { race.changed.notify_all(); };
      if (next < nodes.size()) timer = env_.clock().call_at(env_.now() + patience(node), UniqueFunction<void()>(wake));
    }
    if (!race.won && race.running > 0) cancelled = !co_await race.changed.wait();
    env_.clock().cancel(timer);
  }
  co_await group.stop();
  if (race.won) co_return std::move(*race.won);
  if (cancelled) co_return Code::cancelled;
  co_return race.last;
}

Task<Result<HeldBytes>> ChunkReader::get(ChunkId chunk, std::uint64_t offset, std::uint64_t length, bool whole) {
  ++stats_.reads;
  Race first(env_.loop());
  first.chunk = chunk;
  first.offset = offset;
  first.length = length;
  first.whole = whole;
  std::vector<NodeId> owners = holders_.owners(chunk, options_.copies);
  // The quickest first; among strangers, the ring's order.
  auto quicker = [this](const NodeId& a, const NodeId& b) { return patience(a) < patience(b); };
  std::vector<NodeId> order = owners;
  std::stable_sort(order.begin(), order.end(), quicker);
  auto bytes = co_await race(first, order);
  if (bytes.ok()) stats_.bytes += bytes->bytes.size();
  if (bytes.ok() || bytes.is(Code::cancelled)) co_return bytes;
  ++stats_.looked_up;
  std::vector<ChunkId> wanted(1, chunk);
  auto records = co_await files_.find_chunks(std::move(wanted), options_.record_timeout);
  // That nobody has it is only known when there is no record either.
  if (!records.ok() && bytes.is(Code::not_found)) co_return records.error();
  if (!records.ok()) co_return bytes;
  std::optional<ChunkRecord>& record = records->at(0);
  if (!record) co_return bytes;
  std::vector<NodeId> others;
  for (const Holder& holder : record->holders)
    if (std::find(owners.begin(), owners.end(), holder.node) == owners.end()) others.push_back(holder.node);
  Race second(env_.loop());
  second.chunk = chunk;
  second.offset = offset;
  second.length = length;
  second.whole = whole;
  // There is a record, so there ought to be a copy.
  second.last = bytes.error();
  if (second.last.is(Code::not_found)) second.last = Error(Code::unreachable, "no holder of a chunk has it at hand");
  bytes = co_await race(second, std::move(others));
  if (bytes.ok()) stats_.bytes += bytes->bytes.size();
  co_return bytes;
}

Task<Result<Buffer>> ChunkReader::read(chunker::Extent extent, std::uint64_t file_offset, std::uint64_t from,
                                       std::uint64_t count) {
  CHECK(from + count <= extent.length);
  if (!extent.compressed && !extent.sealed) {
    // Plain bytes stand as they are behind the header.
    CO_ASSIGN_OR_RETURN(HeldBytes range,
                        co_await get(extent.chunk, chunker::kHeaderSize + extent.skip + from, count, false));
    // Unless this copy was stored with another file, in another form.
    if (range.form == 0) {
      if (range.bytes.size() != count) co_return Error(Code::damaged, "a chunk is shorter than its extent");
      co_return std::move(range.bytes);
    }
  }
  CO_ASSIGN_OR_RETURN(HeldBytes held, co_await get(extent.chunk, 0, kChunkStoredMax, true));
  chunker::PlacedExtent placed;
  placed.offset = file_offset;
  placed.extent = extent;
  if (!extent.sealed) {
    placed.extent.compressed = form_of(held).compressed;
    placed.extent.stored_size = held.length;
  }
  Buffer stored = std::move(held.bytes);
  auto work = [placed, stored] { return chunker::unpack(placed, stored, nullptr, chunker::Trust::checksums); };
  CO_ASSIGN_OR_RETURN(Buffer plain, co_await env_.pool().run(std::move(work)));
  co_return plain.slice(from, count);
}

Task<Result<ByteVector>> ChunkReader::load(ChunkId node) {
  CO_ASSIGN_OR_RETURN(HeldBytes held, co_await get(node, 0, kChunkStoredMax, true));
  CO_ASSIGN_OR_RETURN(chunker::ChunkHeader header, chunker::decode_header(held.bytes));
  chunker::PlacedExtent placed;
  placed.extent.chunk = node;
  placed.extent.length = header.plain_size;
  placed.extent.stored_size = held.length;
  placed.extent.compressed = form_of(held).compressed;
  CO_ASSIGN_OR_RETURN(Buffer plain, chunker::unpack(placed, held.bytes, nullptr, chunker::Trust::checksums));
  co_return to_vector(plain.view());
}

}  // namespace vortex::node
