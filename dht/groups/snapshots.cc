// The host: whole states to replicas that the log cannot help any more. The leader offers; the other side fetches one
// piece after the other, at its own pace, and goes on after a broken connection where it was.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "dht/groups/host_impl.h"
#include "net/channel.h"

namespace vortex::dht::groups {

namespace {
constexpr Duration kOfferPatience = seconds(2);
// Between a refused offer and the next one.
constexpr Duration kOfferPause = milliseconds(300);
constexpr Duration kFetchPause = milliseconds(100);
}  // namespace

void Host::Impl::want_snapshot(Group& group, const raft::Replica& to) {
  raft::Raft& raft = group.raft();
  auto out = std::make_shared<Outgoing>();
  out->name = std::max<std::uint64_t>(1, env.random().next());
  out->group = group.id();
  out->to = to;
  out->term = raft.term();
  out->touched = env.now();
  net::OfferSnapshotRequest request;
  request.to.group = group.id();
  request.to.generation = to.generation;
  request.group_epoch = group.base().group_epoch;
  request.from_generation = group.base().self.generation;
  request.term = raft.term();
  request.snapshot = out->name;
  out->offer = std::move(request);
  tasks_.spawn(offer(std::move(out)));
}

Task<void> Host::Impl::offer(std::shared_ptr<Outgoing> out) {
  net::OfferSnapshotRequest& request = out->offer;
  Status outcome = Code::busy;
  auto group = find(out->group);
  bool ready = group && group->raft().is_leader() && outgoing_.size() < kSnapshotsOutMax &&
               group->raft().applied_index() == group->raft().commit();
  auto target = mail_.target(out->to.node);
  if (ready && target.ok()) {
    const raft::Raft& raft = group->raft();
    out->index = request.index = raft.applied_index();
    request.index_term = *raft.log().term_at(out->index);
    request.configuration = encode(raft.committed_configuration());
    out->instance = group->instance();
    request.format = out->instance->machine->format();
    out->state = out->instance->machine->freeze();
    outgoing_[out->name] = out;
    group.reset();
    auto wanted = co_await ask_whether_wanted(out);
    if (wanted.ok() && *wanted) co_return;
    outcome = wanted.ok() ? Status() : Status(wanted.error());
  }
  group.reset();
  // Where it has come so far by itself, it will say so when it is asked.
  if (!outcome.ok()) (void)(co_await sleep_for(env, kOfferPause)).ok();
  drop(out, true);
}

Task<Result<bool>> Host::Impl::ask_whether_wanted(std::shared_ptr<Outgoing> out) {
  CO_ASSIGN_OR_RETURN(auto target, mail_.target(out->to.node));
  auto reply = co_await peers_.call<net::OfferSnapshot>(target, out->offer, net::CallOptions(kOfferPatience));
  if (reply.is(Code::not_found)) unknown_there(out->to.node, out->group, out->to.generation);
  if (!reply.ok()) co_return std::move(reply).error();
  co_return reply->response.wanted;
}

// Nothing was fetched for a while: is it still at it?
Task<void> Host::Impl::offer_again(std::shared_ptr<Outgoing> out) {
  auto wanted = co_await ask_whether_wanted(out);
  out->making = false;
  out->touched = env.now();
  if (!wanted.ok() || !*wanted) drop(out, true);
}

void Host::Impl::drop(const std::shared_ptr<Outgoing>& out, bool failed) {
  outgoing_.erase(out->name);
  auto group = find(out->group);
  if (!group || !group->raft().is_leader() || group->raft().term() != out->term) return;
  if (failed) metrics.snapshot_failures.add();
  if (failed) group->raft().snapshot_failed(out->to);
  schedule(*group);
}

void Host::Impl::see_outgoing(Instant now) {
  std::vector<std::shared_ptr<Outgoing>> over;
  for (const auto& [name, out] : outgoing_) {
    if (out->making) continue;
    auto group = find(out->group);
    bool leads = group && group->raft().is_leader() && group->raft().term() == out->term;
    bool there = leads && group->raft().match_of(out->to).value_or(0) >= out->index;
    bool silent = now >= out->touched + kSnapshotPatience;
    if (!leads || there) over.push_back(out);
    if (!leads || there || !silent) continue;
    out->making = true;
    tasks_.spawn(offer_again(out));
  }
  for (const auto& out : over) {
    auto group = find(out->group);
    bool there = group && group->raft().match_of(out->to).value_or(0) >= out->index;
    if (there) metrics.snapshots_out.add();
    drop(out, !there);
  }
}

Task<Result<net::Reply<net::FetchSnapshotPiece>>> Host::Impl::fetch(net::FetchSnapshotPieceRequest request) {
  auto at = outgoing_.find(request.snapshot);
  if (at == outgoing_.end()) co_return Error(Code::not_found, "the snapshot is gone");
  std::shared_ptr<Outgoing> out = at->second;
  out->touched = env.now();
  if (out->making) co_return Error(Code::busy, "the piece is being made").with_retry_after(net::kBusyRetryMs);
  bool again = request.piece + 1 == out->pieces;
  if (!again && request.piece != out->pieces) co_return Error(Code::invalid_argument, "that piece's time has passed");
  if (!again && !out->ended) {
    out->making = true;
    auto piece = co_await out->state->next_piece();
    out->making = false;
    out->touched = env.now();
    if (!piece.ok()) {
      if (outgoing_.contains(out->name)) drop(out, true);
      co_return std::move(piece).error();
    }
    out->ended = piece->empty();
    out->last = Buffer::copy_of(*piece);
    if (!out->ended) ++out->pieces;
    metrics.snapshot_bytes.add(piece->size());
  }
  net::FetchSnapshotPieceResponse response;
  response.end = out->ended && !again;
  Buffer bytes = response.end ? Buffer() : out->last;
  net::Reply<net::FetchSnapshotPiece> reply(response, std::move(bytes));
  co_return reply;
}

Result<net::OfferSnapshotResponse> Host::Impl::offered(net::Context& context, net::OfferSnapshotRequest& request) {
  auto group = find(request.to.group);
  if (!group || group->base().self.generation != request.to.generation ||
      group->base().group_epoch != request.group_epoch)
    return Error(Code::not_found, "no such replica is here");
  auto configuration = decode<raft::Configuration>(request.configuration);
  if (!configuration.ok() || !configuration->validate().ok())
    return Error(Code::invalid_argument, "a configuration that makes no sense");
  raft::Raft& raft = group->raft();
  if (request.snapshot == 0) return Error(Code::invalid_argument, "a snapshot without a name");
  if (request.term < raft.term()) return Error(Code::stale, "a later term has begun");
  raft.seen_term(request.term, env.now());
  schedule(*group);
  net::OfferSnapshotResponse response;
  if (request.index <= raft.commit()) return response;
  if (group->installing == request.snapshot) {
    response.wanted = true;
    return response;
  }
  if (group->installing != 0 || installing_ >= kSnapshotsInMax)
    return Error(Code::busy, "another snapshot is on its way").with_retry_after(net::kBusyRetryMs);
  group->installing = request.snapshot;
  ++installing_;
  tasks_.spawn(install(group, context.peer->id, std::move(request)));
  response.wanted = true;
  return response;
}

Task<void> Host::Impl::install(std::shared_ptr<Group> group, NodeId from, net::OfferSnapshotRequest offer) {
  auto instance = co_await new_instance(group->id());
  Status outcome;
  if (instance.ok()) {
    std::shared_ptr<Instance> fresh = *instance;
    outcome = co_await receive(group, from, offer, *fresh->machine);
    if (outcome.ok()) outcome = co_await install_received(group, from, offer, fresh);
    bool used = group->instance() == fresh;
    // A base that names it keeps its directory, also where the log has come further.
    bool named = group->base().instance == fresh->number;
    std::string directory = fresh->directory;
    (*instance).reset();
    if (!used) co_await retire(std::move(fresh));
    if (!used && !named) co_await remove_directory(std::move(directory));
  } else {
    outcome = instance.error();
  }
  if (outcome.ok()) metrics.snapshots_in.add();
  if (!outcome.ok()) metrics.snapshot_failures.add();
  group->installing = 0;
  --installing_;
}

Task<Status> Host::Impl::receive(std::shared_ptr<Group> group, NodeId from, const net::OfferSnapshotRequest& offer,
                                 StateMachine& machine) {
  Instant last = env.now();
  net::FetchSnapshotPieceRequest request;
  request.snapshot = offer.snapshot;
  while (true) {
    // Another leader will offer its own; what has come so far by itself needs none.
    if (group->gone || group->raft().term() != offer.term || group->raft().commit() >= offer.index)
      co_return Code::stale;
    CO_ASSIGN_OR_RETURN(auto target, mail_.target(from));
    auto reply = co_await peers_.call<net::FetchSnapshotPiece>(target, request, net::CallOptions(kPiecePatience));
    if (reply.is(Code::cancelled)) co_return Code::cancelled;
    if (!reply.ok()) {
      if (reply.is(Code::not_found) || reply.is(Code::invalid_argument)) co_return std::move(reply).error();
      if (env.now() >= last + kSnapshotPatience) co_return std::move(reply).error();
      CO_RETURN_IF_ERROR(co_await sleep_for(env, kFetchPause));
      continue;
    }
    last = env.now();
    if (reply->response.end) break;
    if (reply->payload.size() > kSnapshotPieceMax) co_return Error(Code::bad_message, "a piece that is too large");
    CO_RETURN_IF_ERROR(co_await machine.add_piece(offer.format, to_vector(reply->payload)));
    ++request.piece;
  }
  co_return co_await machine.pieces_end();
}

Task<Status> Host::Impl::install_received(std::shared_ptr<Group> group, const NodeId& from,
                                          const net::OfferSnapshotRequest& offer, std::shared_ptr<Instance> instance) {
  raft::Replica leader;
  leader.node = from;
  leader.generation = offer.from_generation;
  Base base;
  base.checkpoint = 1;
  {
    std::unique_ptr<FrozenState> frozen = instance->machine->freeze();
    CO_ASSIGN_OR_RETURN(auto writer, co_await wal::CheckpointWriter::create(env, instance->directory, "state-1",
                                                                            instance->machine->format()));
    CO_RETURN_IF_ERROR(co_await frozen->save(*writer));
    CO_RETURN_IF_ERROR(co_await writer->finish());
  }
  while (group->base_writing) CO_RETURN_IF_ERROR(co_await sleep_for(env, kFetchPause));
  const raft::Raft& raft = group->raft();
  if (group->gone || raft.term() != offer.term || raft.commit() >= offer.index) co_return Code::stale;
  Base before = group->base();
  base.group_epoch = before.group_epoch;
  base.self = before.self;
  base.index = offer.index;
  base.term = offer.index_term;
  base.configuration = decode<raft::Configuration>(offer.configuration).value();
  base.instance = instance->number;
  base.discard = !(raft.log().has(base.index) && raft.log().term_at(base.index) == base.term);
  std::shared_ptr<Instance> old = group->instance();
  CO_ASSIGN_OR_RETURN(wal::Lsn place, co_await put_base(group, base));
  bool used = group->installed(base, instance, leader, offer.term, place);
  if (used) instance->machine->checkpointed();
  schedule(*group);
  if (used) co_await retire(std::move(old));
  old.reset();
  co_await after_base(group, before);
  co_return Status();
}

}  // namespace vortex::dht::groups
