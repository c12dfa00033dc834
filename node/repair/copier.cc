#include "node/repair/copier.h"

#include <algorithm>

#include "base/pool.h"
#include "chunker/form.h"
#include "chunker/unpack.h"
#include "net/channel.h"
#include "net/messages/repair.h"
#include "node/files/chunk_record.h"

namespace vortex::node {

namespace {

constexpr std::size_t kProofsAtOnceMax = 1024;
constexpr Duration kLately = seconds(3);
// So long no other copy is tried when there was no space for one.
constexpr Duration kFullFor = seconds(30);

// A rate's burst: a few of the largest chunks.
double burst_of(double rate) { return std::max(rate, 2.0 * static_cast<double>(kChunkStoredMax)); }

Task<Result<net::CopyChunkResponse>> serve_copy(Copier* copier, net::CopyChunkRequest request) {
  CO_ASSIGN_OR_RETURN(Copied copied, co_await copier->copy(request.chunk, request.size, std::move(request.sources)));
  net::CopyChunkResponse response;
  response.receipt = encode(copied.receipt);
  response.moved = copied.moved;
  response.lacks = std::move(copied.lacks);
  co_return response;
}

Task<Result<net::ProveChunksResponse>> serve_proofs(Copier* copier, net::ProveChunksRequest request) {
  if (request.copies.size() > kProofsAtOnceMax) co_return Error(Code::invalid_argument, "too many copies at once");
  net::ProveChunksResponse response;
  for (const net::CopyName& copy : request.copies) {
    if (copy.epoch > CopyNumber::kEpochMax || copy.sequence > CopyNumber::kSequenceMax)
      co_return Error(Code::invalid_argument, "there is no such copy number");
    CO_ASSIGN_OR_RETURN(bool sound, co_await copier->prove(copy.chunk, CopyNumber(copy.epoch, copy.sequence)));
    response.sound.push_back(sound ? 1 : 0);
  }
  co_return response;
}

}  // namespace

Copier::Copier(Env& env, ChunkStore& store, ChunkService& service, ChunkHolders& holders, CopierOptions options)
    : env_(env),
      store_(store),
      service_(service),
      holders_(holders),
      options_(options),
      bytes_(env.loop(), options.bytes_in_flight),
      gentle_(env.loop(), 1),
      rate_(env, TokenBucket::kUnlimited, burst_of(0)) {}

void Copier::set_rate(double bytes_per_second) {
  if (rate_.rate() != bytes_per_second) rate_.set_rate(bytes_per_second, burst_of(bytes_per_second));
}

std::string Copier::slowed() const {
  auto lately = [this](const std::optional<Instant>& when) { return when && env_.now() - *when < kLately; };
  if (lately(held_back_)) return "held to the rate that was ordered";
  return lately(made_way_) ? "clients come first" : "";
}

bool Copier::foreground() const {
  auto last = service_.last_client();
  return last && env_.now() - *last < options_.foreground_lasts;
}

Task<Result<Receipt>> Copier::durable(Receipt staged) {
  std::vector<Receipt> one(1, std::move(staged));
  CO_ASSIGN_OR_RETURN(std::vector<Receipt> synced, co_await service_.sync(std::move(one)));
  co_return std::move(synced.at(0));
}

// Is what the store has here, whoever put it, the chunk that the id names? `damaged` when it is not.
Task<Result<CopyNumber>> Copier::check(ChunkId chunk) {
  CO_ASSIGN_OR_RETURN(Chunk held, co_await store_.get(chunk));
  CO_RETURN_IF_ERROR(co_await check_bytes(chunk, held.length, held.form, held.bytes));
  co_return held.number;
}

Task<Status> Copier::check_bytes(ChunkId chunk, std::uint32_t length, std::uint16_t form_bits, Buffer stored) {
  chunker::StoredForm form;
  form.size = length;
  form.compressed = (form_bits & kFormCompressed) != 0;
  form.sealed = (form_bits & kFormSealed) != 0;
  auto work = [chunk, form, stored = std::move(stored)] { return chunker::check_stored(chunk, form, stored); };
  co_return co_await env_.pool().run(std::move(work));
}

// Bytes that are there, perhaps since long ago: they are read and checked before they get a new number.
Task<Result<Receipt>> Copier::take_over(ChunkId chunk) {
  CO_ASSIGN_OR_RETURN(wal::values::ValueInfo before, co_await store_.stat(chunk));
  auto sound = co_await check(chunk);
  if (sound.is(Code::damaged)) {
    // False bytes under this id go, so that true ones can come. A copy put meanwhile has a higher number.
    auto erased = co_await store_.erase(chunk, before.number);
    if (!erased.ok()) co_return erased.error();
  }
  if (!sound.ok()) co_return sound.error();
  CO_ASSIGN_OR_RETURN(Receipt staged, co_await service_.touch(chunk));
  ++stats_.taken_over;
  co_return co_await durable(std::move(staged));
}

Task<Result<HeldBytes>> Copier::fetch(ChunkId chunk, NodeId source) {
  CO_ASSIGN_OR_RETURN(HeldBytes held, co_await holders_.get(source, chunk, 0, kChunkStoredMax, options_.get_timeout));
  CO_RETURN_IF_ERROR(co_await check_bytes(chunk, held.length, held.form, held.bytes));
  co_return held;
}

Task<Result<Copied>> Copier::copy(ChunkId chunk, std::uint32_t size, std::vector<NodeId> sources) {
  if (bytes_.waiting() >= options_.waiting_max) co_return Error(Code::busy, "enough copies are under way to this node");
  CO_ASSIGN_OR_RETURN(Permit room, co_await bytes_.acquire(std::max<std::size_t>(size, 1)));
  Permit gentle;
  const Instant begun = env_.now();
  if (foreground()) {
    made_way_ = begun;
    CO_ASSIGN_OR_RETURN(gentle, co_await gentle_.acquire(1));
  }
  const Instant asked = env_.now();
  CO_RETURN_IF_ERROR(co_await rate_.take(size));
  const Instant working = env_.now();
  if (working > asked) held_back_ = working;
  Copied copied;
  auto there = co_await take_over(chunk);
  if (there.ok()) {
    copied.receipt = std::move(*there);
    co_return copied;
  }
  // A damaged one was set aside by the store just now.
  if (!there.is(Code::not_found) && !there.is(Code::damaged)) co_return there.error();
  // What would have to be thrown away is not fetched.
  if (full_ && env_.now() - *full_ < kFullFor) co_return Error(Code::no_space, "there was no space a moment ago");
  Error last(Code::too_few_nodes, "no source was named");
  for (const NodeId& source : sources) {
    auto held = co_await fetch(chunk, source);
    if (held.is(Code::cancelled)) co_return Code::cancelled;
    if (!held.ok()) {
      last = held.error();
      if (!held.is(Code::not_found) && !held.is(Code::damaged)) continue;
      ++stats_.bad_sources;
      copied.lacks.push_back(source);
      continue;
    }
    copied.moved += held->bytes.size();
    bool existed = false;
    auto put = co_await service_.put(chunk, std::move(held->bytes), held->form, existed);
    full_.reset();
    if (put.is(Code::no_space)) full_ = env_.now();
    CO_ASSIGN_OR_RETURN(Receipt staged, std::move(put));
    CO_ASSIGN_OR_RETURN(copied.receipt, co_await durable(std::move(staged)));
    ++stats_.copies;
    stats_.bytes += copied.moved;
    // Half of the time is the clients'.
    if (gentle && foreground()) CO_RETURN_IF_ERROR(co_await sleep_for(env_, env_.now() - std::max(begun, working)));
    co_return copied;
  }
  co_return Error(Code::too_few_nodes, "no source has a sound copy (" + last.to_string() + ")");
}

Task<Result<bool>> Copier::prove(ChunkId chunk, CopyNumber at_least) {
  auto number = co_await check(chunk);
  // What went wrong on the way to the copy says nothing of it.
  if (!number.ok() && !number.is(Code::not_found) && !number.is(Code::damaged)) co_return number.error();
  bool sound = number.ok() && *number >= at_least;
  ++(sound ? stats_.proven : stats_.disproven);
  co_return sound;
}

void Copier::serve(net::Dispatcher& dispatcher) {
  dispatcher.on<net::CopyChunk>(
      [this](net::Context, net::CopyChunkRequest request) { return serve_copy(this, std::move(request)); });
  dispatcher.on<net::ProveChunks>(
      [this](net::Context, net::ProveChunksRequest request) { return serve_proofs(this, std::move(request)); });
}

}  // namespace vortex::node
